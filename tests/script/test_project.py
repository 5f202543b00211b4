"""Imports between the files of a project: which file a name is from, and what of it is followed."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.project import Finder
from wbsignal_lint.script.reader import read_script
from wbsignal_lint.siblings import SIBLINGS, Siblings
from wbsignal_lint.sources import Kind

HANDLER = """
    import sys
    import wandb

    def stop(signum, frame):
        wandb.run.mark_preempting()
        sys.exit({status})
"""
TRAIN = """
    import signal
    import wandb
    {imports}

    signal.signal(signal.SIGTERM, {handler})
    run = wandb.init()
    for step in range(100):
        run.log({{"loss": 1 / (step + 1)}})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def write(project: Path, **files: str) -> None:
    """Write files; ``pkg__handlers`` is ``pkg/handlers.py``."""
    for name, text in files.items():
        path = project / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def read(path: Path, siblings: Siblings | None = None) -> Script:
    return read_script(path.read_text(), path=path, read=(siblings or Siblings()).read)


def statuses(script: Script) -> set[int | None]:
    """Return the exit statuses of all handlers that are known."""
    return {outcome.completion.status for handler in script.handlers for outcome in handler.outcomes}


@pytest.mark.parametrize(
    ("place", "imports", "handler"),
    [
        ("handlers", "from handlers import stop", "stop"),
        ("handlers", "from handlers import stop as leave", "leave"),
        ("handlers", "import handlers", "handlers.stop"),
        ("handlers", "import handlers as h", "h.stop"),
        ("handlers", "from handlers import *", "stop"),
        ("lib/handlers", "from lib import handlers", "handlers.stop"),
        ("lib/handlers", "from lib.handlers import stop", "stop"),
        ("lib/handlers", "import lib.handlers", "lib.handlers.stop"),
        ("lib/handlers", "import lib.handlers as h", "h.stop"),
        ("src/lib/handlers", "from lib.handlers import stop", "stop"),
        ("lib/deep/er/handlers", "import lib.deep.er.handlers", "lib.deep.er.handlers.stop"),
        ("handlers", "try:\n        from handlers import stop\n    except ImportError:\n        stop = None", "stop"),
    ],
)
def test_forms_of_absolute_imports(project: Path, place: str, imports: str, handler: str) -> None:
    write(project, **{place.replace("/", "__"): HANDLER.format(status=7)})
    write(project, train=TRAIN.format(imports=imports, handler=handler))

    assert statuses(read(project / "train.py")) == {7}


@pytest.mark.parametrize(
    ("place", "imports", "handler"),
    [
        ("pkg/handlers", "from .handlers import stop", "stop"),
        ("pkg/handlers", "from . import handlers", "handlers.stop"),
        ("handlers", "from ..handlers import stop", "stop"),
        ("pkg/deep/handlers", "from .deep.handlers import stop", "stop"),
        ("pkg/handlers", "from pkg.handlers import stop", "stop"),
    ],
)
def test_forms_of_imports_in_packages(project: Path, place: str, imports: str, handler: str) -> None:
    write(project, pkg____init__="", **{place.replace("/", "__"): HANDLER.format(status=7)})
    (project / "pkg" / "__init__.py").touch()
    write(project, pkg__train=TRAIN.format(imports=imports, handler=handler))

    assert statuses(read(project / "pkg" / "train.py")) == {7}


def test_a_package_hands_on_what_its_init_imports(project: Path) -> None:
    write(
        project,
        tools__stopping=HANDLER.format(status=7),
        train=TRAIN.format(imports="import tools", handler="tools.stop"),
    )
    (project / "tools" / "__init__.py").write_text("from .stopping import stop\n")

    assert statuses(read(project / "train.py")) == {7}


def test_the_scripts_own_folder_comes_first(project: Path) -> None:
    write(project, handlers=HANDLER.format(status=1), scripts__handlers=HANDLER.format(status=7))
    write(project, scripts__train=TRAIN.format(imports="from handlers import stop", handler="stop"))

    assert statuses(read(project / "scripts" / "train.py")) == {7}


@pytest.mark.parametrize("name", ["signal", "sys", "wandb", "torch"])
def test_what_is_known_by_name_is_never_a_file(project: Path, name: str) -> None:
    (project / f"{name}.py").write_text("def signal(*_): ...\n")

    assert Finder(project / "train.py").find(project / "train.py", name, 0) is None


def test_nothing_outside_the_project_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "setup.py").touch()
    (tmp_path / "handlers.py").touch()
    finder = Finder(inner / "train.py")

    assert finder.find(inner / "train.py", "handlers", 0) is None
    assert finder.find(inner / "train.py", "handlers", 2) is None


def test_installed_packages_are_not_the_projects(project: Path) -> None:
    folder = project / "env" / "site-packages"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "__init__.py").touch()
    (folder / "one" / "train.py").touch()
    (folder / "other.py").touch()
    finder = Finder(folder / "one" / "train.py")

    assert finder.find(folder / "one" / "train.py", "other", 0) is None


@pytest.mark.parametrize("sibling", [None, "def stop(:\n", "\0", "x = 1\n"])
def test_what_cant_be_read_stays_unknown(project: Path, sibling: str | None) -> None:
    if sibling is not None:
        (project / "handlers.py").write_text(sibling)
    write(project, train=TRAIN.format(imports="from handlers import stop", handler="stop"))
    script = read(project / "train.py")

    assert script.handlers == []
    assert len(script.registrations) == 1


def test_files_that_import_each_other_are_read_once(project: Path) -> None:
    write(project, first="import second\n" + textwrap.dedent(HANDLER.format(status="second.STATUS")))
    write(project, second="import first\nimport train\nSTATUS = 7\n")
    write(project, train=TRAIN.format(imports="from first import stop", handler="stop"))

    assert statuses(read(project / "train.py")) == {7}


def test_a_flag_in_another_file_is_one_and_the_same(project: Path) -> None:
    write(
        project,
        flags="""
            import signal
            stopped = False
            def note(signum, frame):
                global stopped
                stopped = True
            signal.signal(signal.SIGTERM, note)
        """,
        train="""
            import sys
            import flags
            import wandb
            run = wandb.init()
            for step in range(100):
                run.log({"step": step})
                if flags.stopped:
                    run.mark_preempting()
                    sys.exit(143)
        """,
    )
    script = read(project / "train.py")

    assert [handler.name for handler in script.preemption_handlers] == ["note"]
    assert script.preemption_handlers[0].outcomes[0].state.effects == {"stopped"}


def test_offsets_say_which_file_a_node_is_in(project: Path) -> None:
    write(
        project,
        handlers=HANDLER.format(status=0),
        train=TRAIN.format(imports="import handlers", handler="handlers.stop"),
    )
    script = read(project / "train.py")
    (exit_,) = script.handlers[0].exits
    other = next(module for module in script.program.modules if module is not script.focus)
    view = script.seen_from(other)

    assert script.source(exit_.node) == view.source(exit_.node) == "sys.exit(0)"
    assert not script.layout.is_local(script.span(exit_.node))
    assert other.text[slice(*view.span(exit_.node))] == "sys.exit(0)"
    assert script.place(exit_.node) == f"line 7 of {project / 'handlers.py'}"


def test_a_file_is_read_again_only_when_it_has_changed(project: Path) -> None:
    siblings = Siblings()
    file = project / "handlers.py"
    write(
        project,
        handlers=HANDLER.format(status=1),
        train=TRAIN.format(imports="import handlers", handler="handlers.stop"),
    )
    before = siblings.read(file)

    assert statuses(read(project / "train.py", siblings)) == {1}
    assert siblings.read(file) is before

    write(project, handlers=HANDLER.format(status=7))
    os.utime(file, ns=(1, 1))
    assert statuses(read(project / "train.py", siblings)) == {7}

    file.unlink()
    assert statuses(read(project / "train.py", siblings)) == set()


def test_a_text_can_stand_in_for_a_file(project: Path) -> None:
    siblings = Siblings()
    write(
        project,
        handlers=HANDLER.format(status=1),
        train=TRAIN.format(imports="import handlers", handler="handlers.stop"),
    )

    with siblings.instead({project / "handlers.py": textwrap.dedent(HANDLER.format(status=7))}):
        assert statuses(read(project / "train.py", siblings)) == {7}
    assert statuses(read(project / "train.py", siblings)) == {1}


def test_a_run_behind_imports_opens_the_gate(project: Path) -> None:
    write(project, tracking="import wandb\n\ndef start():\n    return wandb.init()\n")
    text = textwrap.dedent(
        """
        import signal
        import sys
        import tracking

        def stop(signum, frame):
            sys.exit(0)

        signal.signal(signal.SIGTERM, stop)
        run = {opened}
        """
    )
    options = LintOptions(path=project / "train.py", read=SIBLINGS.read)

    def codes(opened: str) -> list[str]:
        report = lint_text(text.format(opened=opened), Kind.PYTHON, "train.py", options)
        assert report.problems == []
        return [found.code for found in report.diagnostics]

    assert codes("tracking.start()") == ["WBS301"]
    assert codes("None") == []

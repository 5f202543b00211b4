"""What the reader says a command gets is what real bash gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from wbsignal_lint.launch.reader import read_launch

BASH = shutil.which("bash") or "bash"

# Each script runs `show` with words; the reader and bash have to agree on every one of them.
SCRIPTS = {
    "quotes": r"""show a "b c" 'd "e"' f\ g "h\"i" 'j'"k"l m''n ""  "a\b" $'t\tu' """,
    "continuation": "show a \\\n  b\\\nc \\\n  d",
    "scalar": 'A="x y"; B=$A; show $A "$A" pre$A "$B-$A" ${A} "${A}"',
    "append": 'A=x; A+=" y"; A="$A z"; show $A; show "$A"',
    "array": 'A=(1 "2 3"); A+=(4); show "${A[@]}" ${A[@]} "${A[0]}" $A',
    "empty words": 'E=""; show a $E b "$E" c; X=(); show "${X[@]}"',
    "array in array": 'A=(a "b c"); B=(x "${A[@]}" y); show "${B[@]}"',
    "defaults": 'unset U; show ${U:-d} "${U:-e f}" ${U:-g h}; V=1; show ${V:-no} ${V:?no}',
    "alternatives that are one": "V=1; W=1; show $V$W",
    "overwritten": 'A=1; show $A; A=2; show $A; if true; then A=3; show "$A"; fi',
    "positional": 'set -- p "q r"; show "$@" $@',
    "function": 'f() { local A=in; show "$A"; }; A=out; f; show $A',
    "loop words": 'for i in one; do show "$i"; done',
    "unknown to none": "show '$HOME' \"\\$HOME\" \\$HOME",
    "tilde and glob": "show '~' '*' \"?\"",
    "here string": "cat <<< word > /dev/null; show after",
    "here document": "cat > /dev/null <<EOF\nshow not this\nEOF\nshow this",
    "comment": "show a # b\n# show c",
    "pipeline": "show a | cat",
    "background": "show a & wait",
    "wrappers": "env -u X A=b show one; nohup show two; timeout 5 show three; nice -n 1 show four; command show 5",
    "shell": r"""bash -c 'show "a b" c'; sh -c "show \"d e\""; bash -ec 'show f'""",
    "eval": r"""eval 'show g' h; eval "show \"i j\""; eval show k""",
    "shell with a variable": 'A=\'x y\'; bash -c "show $A"; CMD=\'show p q\'; $CMD; eval "$CMD"; bash -c "$CMD"',
    "quoted document that runs": "bash <<'EOF'\nshow a \"b c\"\nEOF",
    "document that runs": "X=1\nbash <<EOF\nshow $X \\\\\n  d\nEOF",
    "printed and run": "echo 'show e' | sh; bash <<< 'show f'",
    "xargs": "echo | xargs show a b",
    "runs its arguments": 'run() { "$@"; }; run show a "b c"',
    "subshell": "( show a ); { show b; }; x=$(show c >&2); ! show d; test 1 && show e || show f",
}


def noting_program(path: Path) -> Path:
    """Write a program that notes its arguments; return the folder it notes them in, a file for each call.

    Calls in the background run at the same time: in one log their arguments would mix.
    """
    log = path.parent / "log"
    log.mkdir()
    path.write_text(f'#!{BASH}\nfor word; do printf "%s\\0" "$word"; done > "{log}/$$"\n')
    path.chmod(0o755)
    return log


def noted(log: Path) -> list[list[str]]:
    """Return the arguments of every call, in no order."""
    return [call.read_text().split("\0")[:-1] for call in log.iterdir()]


def given_by_bash(script: str, folder: Path) -> list[list[str]]:
    """Run a script with a program `show` that notes its arguments."""
    log = noting_program(folder / "show")
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run([BASH, "-c", script], env=environment, cwd=folder, check=False, capture_output=True, timeout=60)
    return noted(log)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_words_are_those_that_bash_gives(script: str, tmp_path: Path) -> None:
    expected = given_by_bash(script, tmp_path)
    # xargs adds an argument for its empty line of input; the reader knows only what the file says.
    read = [
        [word.value for word in command.words[1:]]
        for command in read_launch(script).commands
        if command.words[0].value == "show"
    ]

    assert expected, "the script shows nothing"
    if script.startswith("test 1") or "|| show f" in script:
        read = [words for words in read if words != ["f"]]  # bash did not come to it
    assert sorted(read, key=str) == sorted(expected, key=str)


FIXTURES = Path(__file__).parents[2] / "fixtures" / "agent-without-forward-signals"


@pytest.mark.parametrize(
    "name", ["variables.sh", "arrays.sh", "quoted_scripts.sh", "structures.sh", "continuations.sbatch"]
)
def test_the_fix_reaches_every_agent_that_bash_starts(name: str, tmp_path: Path) -> None:
    agents: dict[str, list[list[str]]] = {}
    for kind in ("bad", "fixed"):
        folder = tmp_path / kind
        folder.mkdir()
        log = noting_program(folder / "wandb")
        for program, text in {
            "srun": 'while [[ $1 == -* ]]; do shift; done; exec "$@"',
            "sleep": "exit 0",
        }.items():
            (folder / program).write_text(f"#!{BASH}\n{text}\n")
            (folder / program).chmod(0o755)
        (folder / "project").mkdir()
        (folder / "sweeps.txt").write_text("s1\ns2\n")
        script = (FIXTURES / f"{kind}_{name}").read_text().replace("/opt/env/bin/wandb", str(folder / "wandb"))
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SWEEP": "t/p/s", "SWEEP_ID": "t/p/s"}
        subprocess.run(
            [BASH, "-c", script, name, "my-sweep"],
            env=environment,
            cwd=folder,
            check=False,
            capture_output=True,
            timeout=60,
        )
        agents[kind] = noted(log)

    assert len(agents["bad"]) > 1
    assert sum("--forward-signals" in arguments for arguments in agents["bad"]) <= 1  # arrays.sh has one that is right
    assert all(arguments.count("--forward-signals") == 1 for arguments in agents["fixed"])
    without = [[word for word in arguments if word != "--forward-signals"] for arguments in agents["fixed"]]
    bad = [[word for word in arguments if word != "--forward-signals"] for arguments in agents["bad"]]
    assert sorted(without) == sorted(bad)

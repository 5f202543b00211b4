"""The calls that run a command, as data: where the command stands among their arguments, and what reads it.

From the documentation of the standard library, submitit 1.5, sh 2, invoke 2, fabric 3, paramiko 3, pexpect 4, nox and
IPython 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["DECORATED", "LAUNCHERS", "SHELL_ALIASES", "Launcher", "Reads", "launcher_of"]


class Reads(Enum):
    """What a call takes its command for."""

    SHELL = "shell"
    """A text that a shell reads."""
    EITHER = "either"
    """A list of arguments; with ``shell=True``, or where the library decides by the type, a text for a shell."""
    WORDS = "words"
    """A text that is split into words, and no shell reads it."""
    LIST = "list"
    """A list of arguments."""
    PATH_AND_LIST = "path and list"
    """The program, then the list of its arguments, beginning with its own name."""
    ARGUMENTS = "arguments"
    """The arguments of the call are those of the command."""
    PATH_AND_ARGUMENTS = "path and arguments"
    """The program, then its arguments, beginning with its own name."""
    PROGRAM = "program"
    """The function is the program: ``sh.wandb("agent", …)``."""


@dataclass(frozen=True)
class Launcher:
    """How a call reads its command."""

    reads: Reads
    position: int = 0
    keyword: str = ""
    shell: bool = False
    """Whether a text goes to a shell without ``shell=True``."""
    tail: int = 0
    """How many of the last arguments are none of the command's (``os.execle(path, …, env)``)."""


_RUN = Launcher(Reads.EITHER, 0, "args")
_TEXT_OR_LIST = Launcher(Reads.EITHER, 0, "command", shell=True)

LAUNCHERS: Mapping[str, Launcher] = {
    **{f"subprocess.{name}": _RUN for name in ("run", "Popen", "call", "check_call", "check_output")},
    "psutil.Popen": _RUN,
    "subprocess.getoutput": Launcher(Reads.SHELL, 0, "cmd"),
    "subprocess.getstatusoutput": Launcher(Reads.SHELL, 0, "cmd"),
    "os.system": Launcher(Reads.SHELL, 0, "command"),
    "os.popen": Launcher(Reads.SHELL, 0, "cmd"),
    **{f"os.{name}": Launcher(Reads.PATH_AND_LIST) for name in ("execv", "execve", "execvp", "execvpe")},
    **{f"os.{name}": Launcher(Reads.PATH_AND_ARGUMENTS) for name in ("execl", "execlp")},
    **{f"os.{name}": Launcher(Reads.PATH_AND_ARGUMENTS, tail=1) for name in ("execle", "execlpe")},
    **{f"os.{name}": Launcher(Reads.PATH_AND_LIST, 1) for name in ("spawnv", "spawnve", "spawnvp", "spawnvpe")},
    **{f"os.{name}": Launcher(Reads.PATH_AND_ARGUMENTS, 1) for name in ("spawnl", "spawnlp")},
    **{f"os.{name}": Launcher(Reads.PATH_AND_ARGUMENTS, 1, tail=1) for name in ("spawnle", "spawnlpe")},
    "os.posix_spawn": Launcher(Reads.PATH_AND_LIST),
    "os.posix_spawnp": Launcher(Reads.PATH_AND_LIST),
    "pty.spawn": Launcher(Reads.LIST, 0, "argv"),
    "asyncio.create_subprocess_shell": Launcher(Reads.SHELL, 0, "cmd"),
    "asyncio.create_subprocess_exec": Launcher(Reads.ARGUMENTS),
    "asyncio.subprocess.create_subprocess_shell": Launcher(Reads.SHELL, 0, "cmd"),
    "asyncio.subprocess.create_subprocess_exec": Launcher(Reads.ARGUMENTS),
    "anyio.run_process": _TEXT_OR_LIST,
    "anyio.open_process": _TEXT_OR_LIST,
    "trio.run_process": Launcher(Reads.EITHER, 0, "command"),
    "submitit.helpers.CommandFunction": Launcher(Reads.LIST, 0, "command"),
    "pexpect.run": Launcher(Reads.WORDS, 0, "command"),
    "pexpect.spawn": Launcher(Reads.WORDS, 0, "command"),
    "IPython.get_ipython().system": Launcher(Reads.SHELL),
    "IPython.get_ipython().getoutput": Launcher(Reads.SHELL),
    "get_ipython().system": Launcher(Reads.SHELL),
    "get_ipython().getoutput": Launcher(Reads.SHELL),
    "invoke.Context().run": Launcher(Reads.SHELL, 0, "command"),
    "invoke.Context().sudo": Launcher(Reads.SHELL, 0, "command"),
    "invoke.run": Launcher(Reads.SHELL, 0, "command"),
    "fabric.Connection().run": Launcher(Reads.SHELL, 0, "command"),
    "fabric.Connection().sudo": Launcher(Reads.SHELL, 0, "command"),
    "fabric.Connection().local": Launcher(Reads.SHELL, 0, "command"),
    "paramiko.SSHClient().exec_command": Launcher(Reads.SHELL, 0, "command"),
    "nox.Session().run": Launcher(Reads.ARGUMENTS),
    "sh.wandb": Launcher(Reads.PROGRAM),
    "sh.Command()": Launcher(Reads.PROGRAM),
}
"""The launchers by their dotted names; ``()`` stands for what a call gives."""

SHELL_ALIASES: Mapping[str, str] = {
    "invoke.context.Context": "invoke.Context",
    "fabric.connection.Connection": "fabric.Connection",
    "paramiko.client.SSHClient": "paramiko.SSHClient",
    "submitit.core.utils.CommandFunction": "submitit.helpers.CommandFunction",
    "IPython.core.getipython.get_ipython": "IPython.get_ipython",
}
"""Other names of the same things."""

DECORATED: Mapping[str, str] = {
    "invoke.task": "invoke.Context()",
    "invoke.tasks.task": "invoke.Context()",
    "fabric.task": "invoke.Context()",
    "nox.session": "nox.Session()",
}
"""What the first parameter of a function with this decorator is."""


def launcher_of(path: str) -> Launcher | None:
    """Return how the function of this dotted name launches, or ``None`` if it doesn't."""
    if path.startswith("libtmux.") and path.endswith(".send_keys"):
        return Launcher(Reads.SHELL, 0, "cmd")  # panes are reached in many ways; the name of the method decides
    for other, name in SHELL_ALIASES.items():
        if path == other or path.startswith((f"{other}(", f"{other}.")):
            path = name + path[len(other) :]
    return LAUNCHERS.get(path)

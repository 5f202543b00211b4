"""The cheap questions asked before a script is read: can any rule have something to say about it?

Only the standard library is imported here: most files of a tree stop at these gates.
"""

from __future__ import annotations

import ast

__all__ = [
    "TOPIC_NAMES",
    "bytes_pass",
    "bytes_pass_with_imports",
    "is_program",
    "mentions_wandb",
    "registers",
    "tree_passes",
    "uses",
]

# `Wandb` alone is how Lightning's WandbLogger brings W&B in.
_WANDB = (b"wandb", b"Wandb", b"WANDB")
_TOPICS = (
    b"signal",
    b"mark_preempting",
    b"SystemExit",
    b"exit",
    b"quit",
    b"abort",
    b"kill",
    b"absl",
    b"excepthook",
    b"traceback",
    b"finish",
    b"WandbLogger",
)
_REGISTERS = (b"signal.signal", b"add_signal_handler")
TOPIC_NAMES = frozenset(
    {
        "signal",
        "mark_preempting",
        "add_signal_handler",
        "exit",
        "quit",
        "_exit",
        "abort",
        "SystemExit",
        "absl",
        "excepthook",
        "traceback",
        "rich.traceback",
        "finish",
        "atexit",
        # What trains with it may end the run by itself.
        "WandbLogger",
    }
)

_RUN_NAMES = frozenset(
    {"init", "run", "log", "finish", "mark_preempting", "agent", "config", "summary", "watch", "define_metric"}
)
_INTEGRATIONS = frozenset(
    {
        "mark_preempting",
        "WandbLogger",
        "WandbCallback",
        "WandbLoggerCallback",
        "WandbMetricsLogger",
        "WandbModelCheckpoint",
    }
)


def mentions_wandb(data: bytes) -> bool:
    """Say whether the bytes of a file mention W&B."""
    # What the spellings have in common is looked for first: most files have nothing of it, and are passed over once.
    return (b"andb" in data or b"ANDB" in data) and any(word in data for word in _WANDB)


def bytes_pass(data: bytes) -> bool:
    """Say whether the bytes of a file mention W&B and anything that a rule speaks of."""
    return mentions_wandb(data) and any(word in data for word in _TOPICS)


def bytes_pass_with_imports(data: bytes) -> bool:
    """Say whether a file might pass together with the files that it imports: it mentions W&B, or binds a signal."""
    return (mentions_wandb(data) or registers(data)) and b"import" in data


def registers(data: bytes) -> bool:
    """Say whether the bytes of a file bind a signal."""
    return b"signal" in data and any(word in data for word in _REGISTERS)


def tree_passes(tree: ast.Module) -> bool:
    """Say whether a parsed module really has to do with a run and uses a name that a rule speaks of.

    Importing wandb to query its API, or naming a variable after it, is not to have a run.
    """
    return all(uses(tree))


def is_program(tree: ast.Module) -> bool:
    """Say whether a module is meant to be started: it asks whether it is ``__main__``."""
    return any(
        isinstance(node, ast.If)
        and any(isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(node.test))
        for node in tree.body
    )


def uses(tree: ast.Module) -> tuple[bool, bool]:
    """Return whether a module has to do with a run, and whether it uses a name that a rule speaks of."""
    modules = {"wandb"}
    used: set[tuple[str, str]] = set()
    has_run = topic = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname for alias in node.names if alias.name == "wandb" and alias.asname}
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            has_run = has_run or (node.module == "wandb" and not _RUN_NAMES.isdisjoint(names))
            names.append(node.module or "")
        elif isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
            if isinstance(node.value, ast.Name):
                used.add((node.value.id, node.attr))
        else:
            continue
        for name in names:
            has_run = has_run or name in _INTEGRATIONS
            topic = topic or name in TOPIC_NAMES
    has_run = has_run or any(module in modules and name in _RUN_NAMES for module, name in used)
    return has_run, topic

"""The cheap questions asked before a script is read: can any rule have something to say about it?

Only the standard library is imported here: most files of a tree stop at these gates.
"""

from __future__ import annotations

import ast

__all__ = ["bytes_pass", "tree_passes"]

# `Wandb` alone is how Lightning's WandbLogger brings W&B in.
_WANDB = (b"wandb", b"Wandb", b"WANDB")
_TOPICS = (b"signal", b"mark_preempting", b"SystemExit", b"exit", b"quit", b"abort", b"kill")
_TOPIC_NAMES = frozenset(
    {"signal", "mark_preempting", "add_signal_handler", "exit", "quit", "_exit", "abort", "SystemExit"}
)


def bytes_pass(data: bytes) -> bool:
    """Say whether the bytes of a file mention W&B and anything that a rule speaks of."""
    return any(word in data for word in _WANDB) and any(word in data for word in _TOPICS)


def tree_passes(tree: ast.Module) -> bool:
    """Say whether a parsed module really uses W&B and a name that a rule speaks of, not only in strings or comments."""
    wandb = topic = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        else:
            continue
        for name in names:
            wandb = wandb or "wandb" in name.lower()
            topic = topic or name in _TOPIC_NAMES
        if wandb and topic:
            return True
    return False

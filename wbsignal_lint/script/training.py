"""Frameworks that train in one blocking call: what becomes of a script when its event happens in there."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

from wbsignal_lint.script.frameworks.trainers import Leaving, Reaction, Trainer, trainer_of
from wbsignal_lint.script.heap import DISPOSITIONS
from wbsignal_lint.script.state import Completion, Ending, RunState, State
from wbsignal_lint.script.values import Const, External, Instance, Result, Value

if TYPE_CHECKING:
    from wbsignal_lint.script.player import Player

__all__ = ["reports_to_wandb", "train_in_framework", "trainer_in", "words_of"]


def trainer_in(player: Player, node: ast.Call, state: State) -> Trainer | None:
    """Return the framework whose trainer a blocking call belongs to, if it is a known one."""
    if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, (ast.Name, ast.Attribute, ast.Call)):
        return None
    receiver = node.func.value
    if isinstance(receiver, ast.Call):
        # Trainer(…).fit(model): to look at the class is enough, the object has been made already.
        called = player.evaluate(receiver.func, state.fork())[0][1]
        return trainer_of(called.path, node.func.attr) if isinstance(called, External) else None
    return _trainer_of(player, player.evaluate(receiver, state)[0][1], node.func.attr)


def _trainer_of(player: Player, value: Value, method: str) -> Trainer | None:
    if isinstance(value, Result):
        return trainer_of(value.path, method)
    if isinstance(value, Instance):
        # A class of the script's own: one of its bases may be the framework's.
        found = (trainer_of(path, method) for path in player.lineage(value))
        return next((trainer for trainer in found if trainer is not None), None)
    return None


def train_in_framework(player: Player, trainer: Trainer, node: ast.Call, state: State) -> list[State]:
    """Let the event happen while a framework trains; return the states in which the script goes on."""
    number = player.event if isinstance(player.event, int) else None
    if state.run is RunState.NONE and player.reports_to_wandb:
        state.run, state.hooked, state.init_guards = RunState.ACTIVE, True, state.guards
    if state.run is RunState.NONE:
        # Another path may have one: `WandbLogger(…) if args.wandb else None`.
        player.without_run = f"line {node.lineno}: whether {trainer.name} has a run is not known"
        return [state]
    if state.run is not RunState.ACTIVE:
        player.unknown = f"line {node.lineno}: whether {trainer.name} has a run is not known"
        return [state]
    player.with_run = True
    if state.interrupted or (number is None and player.happens_nothing):
        return [state]
    player.struck = state.interrupted = True
    if number is None:
        player.escapes.append((state, Completion(Ending.RAISE, node, how="error", exception="Error")))
        return []
    # Frameworks bind signals in the main thread only: in that of wandb.agent(function=…) none is bound.
    if state.heap.get(DISPOSITIONS, str(number)) is not None or player.in_agent:
        return player.deliver(node, number, state)
    reaction = trainer.reaction(number, player.script.pins, player.words)
    if reaction is None:
        player.unknown = (
            f"line {node.lineno}: what {trainer.name} does with this signal depends on its version, which the project "
            "does not pin"
        )
        return [state]
    return _react(player, reaction, node, state) if reaction else player.deliver(node, number, state)


def _react(player: Player, reaction: Reaction, node: ast.Call, state: State) -> list[State]:
    if not isinstance(reaction.does, Leaving):
        return [state]
    leaving = reaction.does
    code = Const(leaving.status)
    if leaving.seen:
        state.exit_called = code
    lineage = leaving.lineage
    end = Completion(Ending.EXIT, node, code, leaving.seen, leaving.how, False, lineage[0], lineage)
    player.escapes.append((state, end))
    return []


@functools.lru_cache(maxsize=16)
def reports_to_wandb(tree: ast.Module) -> bool:
    """Say whether a Hugging Face script asks for W&B: ``report_to="wandb"``."""
    words = [word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords]
    return any(word.arg == "report_to" and "wandb" in ast.unparse(word.value) for word in words)


@functools.lru_cache(maxsize=16)
def words_of(tree: ast.Module) -> frozenset[str]:
    """Return what trainers are given and what their models define, by name: it tells old scripts from new ones."""
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Trainer"):
            words |= {word.arg for word in node.keywords if word.arg}
        elif isinstance(node, ast.FunctionDef):
            words.add(node.name)
    return frozenset(words)

"""Is this command a training process whose run W&B records?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from wbsignal_lint.launch.facts import Command, Word
from wbsignal_lint.launch.in_play import is_told_to_record, is_told_to_record_nothing
from wbsignal_lint.launch.options import may_hold_more, options_in
from wbsignal_lint.launch.steps import Trainer

__all__ = ["UsesWandb", "is_told_to_train", "trainer_of"]

UsesWandb = Callable[[str], "bool | None"]
"""Whether the Python file of this path, as the launch file writes it, uses wandb; ``None``: it can't be looked up."""

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*[dtw]?(?:\.exe)?|ipython3?")
_STARTERS = frozenset({"torchrun", "deepspeed", "accelerate", "horovodrun", "composer", "fabric"})
"""Programs that start the training processes as their children."""
_STARTER_MODULES = {
    "torch.distributed.run": "torchrun",
    "torch.distributed.launch": "torchrun",
    "accelerate.commands.launch": "accelerate",
    "deepspeed.launcher.runner": "deepspeed",
}
_VALUED_OPTIONS = frozenset("WXQ")
_TRAINS = re.compile(r"(?:^|[\W_\d])(?:pre|re|fine[-_]?)?(?:train|tunn?)(?:er|ing|e)?(?=$|[\W_\d\0])", re.IGNORECASE)
_OTHER_CALLS = frozenset({"--help", "-h", "--version", "--analyze", "--analyse", "--dry-run"})
_OTHER_CALLS_ALONE = frozenset({"--init", "--list"})
_ONLY_EVALUATES = re.compile(
    r"(?:eval\w*|test\w*|infer\w*|predict\w*)-only|only-(?:eval\w*|test\w*|infer\w*|predict\w*)|test-mode"
)
_EVALUATES = re.compile(r"do-(?:eval|predict|test)")
_MODES = frozenset({"mode", "phase", "stage"})
_OTHER_MODES = re.compile(r"(?:^|[_-])(?:eval|test|infer|predict|sampl|generat)")
_OTHER_RUNS = re.compile(
    r"(?:^|[\W_])(?:infer\w*|predict\w*|sampl\w*|bench\w*|visuali\w*|inspect|serve\w*|validat\w*|score|sync|upload|"
    r"collect|fetch|get|pull|log|login|report|sweeps?|init|setup|decode|demo|utils?|"
    r"transfer|push|register|publish|rollout|render|record|extract|clean\w*|check\w*|find|list|restore|load)(?=$|[\W_\d])",
    re.IGNORECASE,
)
"""Work that may be recorded with W&B, too, and is no training."""
_LATER_WORK = re.compile(r"(?:^|[\W_])(?:eval\w*|plot\w*|analy\w*|download\w*|export)(?=$|[\W_\d])", re.IGNORECASE)
_OTHER_WORK = re.compile(
    r"(?:^|[\W_])(?:test|eval\w*|plot\w*|prep\w*|download\w*|create\w*|make|generate\w*|analy\w*|tokeni[sz]er|vocab|"
    r"submit|merge|convert|export|aggregate|summar\w*|split|launch\w*)(?=$|[\W_\d])",
    re.IGNORECASE,
)


def trainer_of(command: Command, uses_wandb: UsesWandb | None, *, mentions_wandb: bool) -> Trainer | None:
    """Return the training process that a command starts, or ``None`` when it is none or this can't be told.

    Args:
        command: what is run, wrappers such as ``srun`` taken off.
        uses_wandb: looks a Python file up.
        mentions_wandb: whether the launch file speaks of wandb; only then does a telling name alone make a trainer.
    """
    found = _script_of(command.words) or _module_of_uv(command)
    if found is None or _is_told_otherwise(command.words) or is_told_to_record_nothing(command.words):
        return None
    word, is_module, starters = found
    name = word.pattern
    file, looked_up = _looked_up(None if word.value is None else name, uses_wandb, is_module=is_module)
    if looked_up is None:
        told = is_told_to_record(command.words) and not _says_no_training(name, is_module=is_module)
        if not told and not (mentions_wandb and _says_training(name, command.words, is_module=is_module)):
            return None
    elif not looked_up or _says_other_work(name, is_module=is_module, mentions_wandb=mentions_wandb):
        return None
    stem = word.literal[len(word.literal) - len(name.rpartition("/")[2]) :]  # its folder may stand in a variable
    return Trainer(command, stem.span, None if is_module else name, file, starters)


def _looked_up(name: str | None, uses_wandb: UsesWandb | None, *, is_module: bool) -> tuple[str | None, bool | None]:
    """Return the path of a script's or module's file, and whether it uses wandb; ``None``: not known."""
    if name is None or not is_module:
        return name, None if name is None or uses_wandb is None else uses_wandb(name)
    stem = name.replace(".", "/")
    for file in (f"{stem}.py", f"{stem}/__main__.py"):
        looked_up = None if uses_wandb is None else uses_wandb(file)
        if looked_up is not None:
            return file, looked_up
    return f"{stem}.py", None


def _is_told_otherwise(words: Sequence[Word]) -> bool:
    """Whether an option says that this call trains nothing: ``run_sweep.py --init``, ``main.py mode=eval``."""
    for word, following in zip(words, (*words[1:], None), strict=True):
        if word.value in _OTHER_CALLS:
            return True
        # `--init xavier` is another thing.
        if word.value in _OTHER_CALLS_ALONE and (following is None or following.pattern.startswith("-")):
            return True
    options = list(options_in(words))
    if any(one.name in _MODES and _OTHER_MODES.search(one.value) and not _TRAINS.search(one.value) for one in options):
        return True
    on = [one.name for one in options if one.is_switched_on]
    if any(_ONLY_EVALUATES.fullmatch(name) for name in on):
        return True
    # Transformers' scripts train only with --do_train.
    evaluates = any(_EVALUATES.fullmatch(name) for name in on)
    return evaluates and "do-train" not in on and not may_hold_more(words)


def is_told_to_train(words: Sequence[Word]) -> bool:
    """Whether a switch has a program train: ``--do_train``."""
    return any(one.is_dashed and one.is_switched_on and one.name in ("train", "do-train") for one in options_in(words))


def _says_training(name: str, words: Sequence[Word], *, is_module: bool) -> bool:
    """Whether the name of a script, its folder or a switch says that it trains."""
    folders, _, _ = name.rpartition("." if is_module else "/")
    stem, folder = (_stem(one, is_module=is_module) for one in (name, folders))
    if _OTHER_WORK.search(stem) is not None:
        return False
    return _TRAINS.search(stem) is not None or _TRAINS.fullmatch(folder) is not None or is_told_to_train(words)


def _says_no_training(name: str, *, is_module: bool) -> bool:
    """Whether a script that is told to record is named as one that does something else."""
    stem = _stem(name, is_module=is_module)
    return _OTHER_WORK.search(stem) is not None or _OTHER_RUNS.search(stem) is not None


def _says_other_work(name: str, *, is_module: bool, mentions_wandb: bool) -> bool:
    """Whether a script that uses wandb is named as one that evaluates or plots what others have trained.

    Where the launch file does not speak of wandb, any other work will do.
    """
    stem = _stem(name, is_module=is_module)
    patterns = (_LATER_WORK,) if mentions_wandb else (_LATER_WORK, _OTHER_WORK, _OTHER_RUNS)
    return _TRAINS.search(stem) is None and any(pattern.search(stem) is not None for pattern in patterns)


def _stem(name: str, *, is_module: bool) -> str:
    return name.rpartition("." if is_module else "/")[2].removesuffix(".py")


def _script_of(words: Sequence[Word]) -> tuple[Word, bool, tuple[str, ...]] | None:
    """Return the word of the Python script or module that a command runs, whether it is a module, and its starters."""
    if not words:
        return None
    program = words[0].program
    if program.endswith(".py"):
        return words[0], False, ()
    if program in _STARTERS:
        if program == "accelerate" and (len(words) < 2 or words[1].value != "launch"):
            return None
        return _started(words[1:], program)
    if _PYTHON.fullmatch(program) is None and not (words[0].is_opaque and "PY" in words[0].literal.text.upper()):
        return None
    index = 1
    while index < len(words):
        pattern = words[index].pattern
        if not pattern.startswith("-"):
            return (words[index], False, ()) if pattern.endswith(".py") else None
        match = re.fullmatch(r"-[A-Za-z]*m", pattern)
        if match is not None:
            if index + 1 >= len(words):
                return None
            module = words[index + 1]
            starter = _STARTER_MODULES.get(module.value or "")
            return _started(words[index + 2 :], starter) if starter else (module, True, ())
        if re.fullmatch(r"-[A-Za-z]*c", pattern):
            return None
        index += 2 if len(pattern) == 2 and pattern[1] in _VALUED_OPTIONS else 1
    return None


def _module_of_uv(command: Command) -> tuple[Word, bool, tuple[str, ...]] | None:
    """``uv run -m package.train``: uv takes ``-m`` itself."""
    if not command.runners or command.runners[-1].name != "uv" or not command.words:
        return None
    name = command.words[0].value or ""
    return (command.words[0], True, ()) if re.fullmatch(r"\w+(?:\.\w+)+", name) else None


def _started(words: Sequence[Word], starter: str) -> tuple[Word, bool, tuple[str, ...]] | None:
    """Find the script behind a starter's own options."""
    for index, word in enumerate(words):
        if word.pattern.endswith(".py"):
            return word, False, (starter,)
        if word.value in ("-m", "--module") and index + 1 < len(words):
            return words[index + 1], True, (starter,)
    return None

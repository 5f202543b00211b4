"""Is this command a training process whose run W&B records?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from wbsignal_lint.launch.facts import Command, Word
from wbsignal_lint.launch.in_play import is_told_to_record_nothing
from wbsignal_lint.launch.steps import Trainer

__all__ = ["UsesWandb", "trainer_of"]

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
_TRAINS = re.compile(r"(?:^|[\W_\d])(?:pre|re|fine[-_]?)?(?:train|tun)(?:er|ing|e)?(?=$|[\W_\d\0])", re.IGNORECASE)
_OTHER_CALLS = frozenset({"--help", "-h", "--version", "--analyze", "--analyse", "--dry-run"})
_OTHER_CALLS_ALONE = frozenset({"--init", "--list"})
_ONLY_EVALUATES = re.compile(
    r"(?:eval\w*|test\w*|infer\w*|predict\w*)-only|only-(?:eval\w*|test\w*|infer\w*|predict\w*)|test-mode"
)
_EVALUATES = re.compile(r"do-(?:eval|predict|test)")
_MODES = frozenset({"mode", "phase", "stage"})
_OTHER_MODES = re.compile(r"(?:^|[_-])(?:eval|test|infer|predict|sampl|generat)")
_ON = frozenset({"", "true", "1", "yes", "on"})
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
    file = None if word.value is None else name.replace(".", "/") + ".py" if is_module else name
    looked_up = None if uses_wandb is None or file is None else uses_wandb(file)
    if looked_up is None:
        if not mentions_wandb or not _says_training(name, is_module=is_module):
            return None
    elif not looked_up or _says_other_work(name, is_module=is_module):
        return None
    stem = word.literal[len(word.literal) - len(name.rpartition("/")[2]) :]  # its folder may stand in a variable
    return Trainer(command, stem.span, None if is_module else name, file, starters)


def _is_told_otherwise(words: Sequence[Word]) -> bool:
    """Whether an option says that this call trains nothing: ``run_sweep.py --init``, ``main.py mode=eval``."""
    evaluates = trains = is_argument = False
    for word, following in zip(words, (*words[1:], None), strict=True):
        if word.value in _OTHER_CALLS:
            return True
        # `--init xavier` is another thing.
        if word.value in _OTHER_CALLS_ALONE and (following is None or following.pattern.startswith("-")):
            return True
        if word.is_opaque and not is_argument and not word.pattern.startswith("-"):
            trains = True  # `"$@"` may hold any option
        name, equals, value = word.pattern.partition("=")
        is_argument = name.startswith("-") and not equals
        if is_argument and following is not None and not following.pattern.startswith("-"):
            value = following.pattern
        name, value = name.lstrip("+-").replace("_", "-").lower(), value.lower()
        if name in _MODES and _OTHER_MODES.search(value) and not _TRAINS.search(value):
            return True
        if _ONLY_EVALUATES.fullmatch(name) and value in _ON:
            return True
        evaluates = evaluates or (_EVALUATES.fullmatch(name) is not None and value in _ON)
        trains = trains or (name == "do-train" and value in _ON)
    return evaluates and not trains  # Transformers' scripts train only with --do_train


def _says_training(name: str, *, is_module: bool) -> bool:
    stem = _stem(name, is_module=is_module)
    return _TRAINS.search(stem) is not None and _OTHER_WORK.search(stem) is None


def _says_other_work(name: str, *, is_module: bool) -> bool:
    """Whether a script that uses wandb is named as one that evaluates or plots what others have trained."""
    stem = _stem(name, is_module=is_module)
    return _LATER_WORK.search(stem) is not None and _TRAINS.search(stem) is None


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

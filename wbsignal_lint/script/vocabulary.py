"""The names by which training code is recognised where a call can't be followed."""

from __future__ import annotations

import re

__all__ = [
    "DEFAULT_HANDLERS",
    "TRAIN_FUNCTIONS",
    "ends_process",
    "is_blocking_training",
    "is_main_process",
    "is_rank",
    "is_run_name",
    "is_training_step",
    "sets_flag",
    "takes_time",
]

DEFAULT_HANDLERS = frozenset({"signal.SIG_DFL", "signal.default_int_handler"})
"""What a signal can be set to that is no handler of the script's own, by its canonical name."""

_RUN = re.compile(r"(^|_)(run|wandb|wandb_run|experiment|wandb_logger|tracker|accelerator)$", re.IGNORECASE)
_OPTIMIZER = re.compile(r"(^|_)(opt|optim|optimi[sz]er|scaler|grad_scaler)s?(_?\w{1,3})?$", re.IGNORECASE)
_TRAINER = re.compile(r"(^|_)(\w*trainer|runner|learner|algo|algorithm|agent)$", re.IGNORECASE)
_FITTED = re.compile(r"(^|_)(\w*trainer|model|learner|estimator|net|network|module)$", re.IGNORECASE)
_LEARNING = re.compile(r"(^|_)(model|agent|algo|policy|learner)$", re.IGNORECASE)
TRAIN_FUNCTIONS = frozenset(
    {
        "train_one_epoch",
        "train_epoch",
        "train_one_step",
        "train_step",
        "training_step",
        "train_batch",
        "train_on_batch",
        "optimizer_step",
        "optimize_parameters",
    }
)
_ENDS = re.compile(
    r"exit|quit|abort|stop|shut_?down|terminat|kill|die|leave|requeue|preempt|raise|interrupt|cancel|previous|prev|old|original|default|chain",
    re.IGNORECASE,
)
_RANK = re.compile(r"^((local|global|node|proc|process|world|dist|ddp)_?)*(rank|process_index|rank_id)$", re.IGNORECASE)
_GET_RANK = re.compile(r"^get_?(\w+_)?rank$", re.IGNORECASE)
_IS_MAIN = re.compile(
    r"^is_?(local_|global_|world_)?(main|master|primary|root|chief|rank_?zero|rank_?0)(_(process|rank|node|worker))?$",
    re.IGNORECASE,
)
_SUBJECT = (
    "data|dataset|datasets|dataloader|dataloaders|loader|loaders|model|models|corpus|tokenizer|weights|checkpoint|"
    "backbone|network|features|embeddings|replay_buffer"
)
_SLOW = re.compile(
    rf"^_?(load|read|download|fetch|build|prepare|preprocess|tokenize|make|create|setup|set_up|init|initialize|get|"
    rf"evaluate|test|validate|save|export|upload)_(\w+_)?({_SUBJECT})$"
)
_SLOW_FUNCTIONS = frozenset(
    {
        "barrier",
        "check_call",
        "check_output",
        "download",
        "evaluate",
        "from_pretrained",
        "genfromtxt",
        "init_process_group",
        "load_from_checkpoint",
        "loadtxt",
        "preprocess",
        "push_to_hub",
        "read_csv",
        "read_parquet",
        "sleep",
        "snapshot_download",
        "urlretrieve",
    }
)
_SLOW_LOADERS = frozenset({"torch", "np", "numpy", "joblib"})
_FLAG_METHODS = frozenset(
    {"set", "put", "put_nowait", "append", "add", "send", "release", "notify", "notify_all", "write", "touch"}
)


def is_run_name(name: str) -> bool:
    """Say whether an object of this name is plausibly a W&B run (or a logger that holds one)."""
    return bool(_RUN.search(name))


def is_training_step(base: str, method: str) -> bool:
    """Say whether ``base.method()`` or a bare ``method()`` is one step of a training loop."""
    if method == "step":
        return bool(_OPTIMIZER.search(base))
    return method in ("backward", "manual_backward") or method in TRAIN_FUNCTIONS


def is_blocking_training(base: str, method: str, has_arguments: bool) -> bool:
    """Say whether ``base.method(…)`` is a call known to train to the end, such as ``trainer.fit(model)``."""
    if method == "train":
        # `model.train()` only switches a module's mode.
        return bool(_TRAINER.search(base))
    if method in ("fit", "fit_generator"):
        return has_arguments and bool(_FITTED.search(base))
    if method == "learn":
        return has_arguments and bool(_LEARNING.search(base))
    return method == "train_model" and bool(_TRAINER.search(base))


def ends_process(name: str) -> bool:
    """Say whether the name of a function that can't be followed leaves open that it ends the process."""
    return bool(_ENDS.search(name))


def is_main_process(name: str) -> bool:
    """Say whether a name tells the first of several processes from the others by being true."""
    return bool(_IS_MAIN.match(name))


def is_rank(name: str) -> bool:
    """Say whether a name tells the processes that train together apart: ``rank``, ``get_rank``, ``is_main_process``."""
    return bool(_RANK.match(name) or _GET_RANK.match(name) or _IS_MAIN.match(name))


def takes_time(base: str, method: str) -> bool:
    """Say whether ``base.method()`` goes on for long by its name: it reads data, builds a model, waits."""
    if method in ("load", "save"):
        return base in _SLOW_LOADERS
    return method in _SLOW_FUNCTIONS or bool(_SLOW.match(method))


def sets_flag(method: str) -> bool:
    """Say whether a method of this name changes its object: ``event.set()``, ``queue.put()``."""
    return method in _FLAG_METHODS

"""The names of signals as shells, ``kill`` and batch systems write them → one name each."""

from __future__ import annotations

import signal

__all__ = ["PSEUDO_SIGNALS", "name_of", "number_of"]

PSEUDO_SIGNALS = frozenset({"EXIT", "ERR", "DEBUG", "RETURN"})
"""What ``trap`` takes besides signals."""

_ALIASES = {"CLD": "CHLD", "IOT": "ABRT", "POLL": "IO", "0": "EXIT"}
# Linux's numbers, which the launched job will see, whatever machine reads the file.
_ORDER = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT "
    "CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
)
_NUMBERS = {name: number for number, name in enumerate(_ORDER.split(), 1)}
_NAMES = {str(number): name for name, number in _NUMBERS.items()}


def name_of(text: str) -> str | None:
    """Return ``USR1`` for ``USR1``, ``SIGUSR1``, ``sigusr1`` and ``10``; ``None`` for what is no signal.

    ``0`` and ``EXIT`` give ``EXIT``, as ``trap`` understands them.
    """
    name = text.upper()
    name = _NAMES.get(name, name).removeprefix("SIG")
    name = _ALIASES.get(name, name)
    return name if name in _NUMBERS or name in PSEUDO_SIGNALS else None


def number_of(name: str) -> signal.Signals:
    """Return the signal with a name that `name_of` returned.

    Raises:
        KeyError: it is one of ``trap``'s pseudo signals, or this platform has no such signal.
    """
    return signal.Signals[f"SIG{name}"]

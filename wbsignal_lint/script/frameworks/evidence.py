"""How it is known what a framework does, and for which of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wbsignal_lint.pins import Pin

__all__ = ["Known"]


@dataclass(frozen=True)
class Known:
    """Where a fact comes from, and the versions it holds for."""

    packages: tuple[str, ...]
    """The packages that have it, under their normalised names."""
    measured: tuple[str, ...] = ()
    """Versions that were run, with wandb 0.31.0."""
    read: tuple[str, ...] = ()
    """Versions whose source was read."""
    since: str | None = None
    """The first version it holds for; ``None`` if it held in all that were looked at."""
    before: str | None = None
    """The first version it holds for no more; ``None`` if there is none yet."""
    assumed: bool = False
    """Taken to hold where the project pins nothing: for facts that are true of what has been installed for years."""

    def holds(self, pins: Mapping[str, Pin]) -> bool | None:
        """Say whether it holds for the versions that a project pins; ``None`` if that can't be known."""
        pin = next((pins[package] for package in self.packages if package in pins), None)
        if pin is not None:
            if self.since is not None and pin.surely_below(self.since):
                return False
            if self.before is not None and pin.surely_at_least(self.before):
                return False
        young = self.since is None or (pin is not None and pin.surely_at_least(self.since))
        old = self.before is None or (pin is not None and pin.surely_below(self.before))
        return True if (young and old) or self.assumed else None

    def __str__(self) -> str:
        """Return versions and sources in words, for the documentation."""
        parts = [f"measured {', '.join(self.measured)}"] if self.measured else []
        parts += [f"read in the source of {', '.join(self.read)}"] if self.read else []
        return "; ".join(parts)

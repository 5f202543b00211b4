"""wbsignal-lint: finds the line that makes Weights & Biases lose a preempted run, explains it and fixes it."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]

"""The job scripts that docs/slurm.md recommends."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["TEMPLATES"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "slurm.md"

TEMPLATES: dict[str, str] = dict(
    re.findall(r"(?ms)^## ([^\n]*)\n\n```bash\n(#!.*?)^```$", DOCUMENT.read_text(encoding="utf-8"))
)
"""By their headings."""

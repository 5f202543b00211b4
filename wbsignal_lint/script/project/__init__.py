"""The files of one project that belong together: which file an import names, and what of it is worth following.

Nothing is imported and nothing is run: files are looked up where Python would look, and parsed.
"""

from __future__ import annotations

from wbsignal_lint.script.project.discovery import discovered
from wbsignal_lint.script.project.finding import Finder
from wbsignal_lint.script.project.module import Module, ReadModule, concerns
from wbsignal_lint.script.project.program import Link, Program

__all__ = ["Finder", "Link", "Module", "Program", "ReadModule", "concerns", "discovered"]

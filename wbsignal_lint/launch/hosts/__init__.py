"""The files that shell stands in: Makefiles, Dockerfiles, YAML, notebooks …, one module each.

A host turns its text into pieces of shell and lists of arguments (:mod:`wbsignal_lint.launch.hosts.parts`) in which
every character knows its place in the file. The launch reader then needs to know nothing of hosts, and an edit lands
in the file with its quoting and indentation.
"""

from __future__ import annotations

import importlib

from wbsignal_lint.launch.hosts.parts import Hosted

__all__ = ["HOSTS", "read_hosted"]

HOSTS = {
    "makefile": "makefile:read_makefile",
    "justfile": "justfile:read_justfile",
    "dockerfile": "dockerfile:read_dockerfile",
    "yaml": "yaml:read_yaml",
    "notebook": "notebook:read_notebook",
    "documentation": "documentation:read_documentation",
}
"""Module and function by the kind of file; imported when the first file of that kind is read."""


def read_hosted(text: str, host: str) -> Hosted:
    """Find what a file of a kind in `HOSTS` launches."""
    module, _, function = HOSTS[host].partition(":")
    found: Hosted = getattr(importlib.import_module(f"{__name__}.{module}"), function)(text)
    return found

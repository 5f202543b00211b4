"""WBS001: a file that could not be read."""

from __future__ import annotations

from wbsignal_lint.diagnostics import Severity
from wbsignal_lint.rules.base import Rule

__all__ = ["UnreadableSource"]


class UnreadableSource(Rule):
    """A file that can't be read can't be checked.

    ## What it finds

    Syntax errors, with the running Python's own words and place; bytes that are not text in the file's encoding (UTF-8,
    or what a coding cookie says), unknown encodings and NUL bytes; nesting too deep to be read safely; and paths that
    are no readable file: missing ones, pipes, what the permissions forbid. The other files are still linted, and the
    exit status is 2.

    It is found before there are any facts to ask, so it is always on: neither ``--ignore`` nor a ``noqa`` comment hides
    it. In folders only files that mention W&B are parsed at all; a file that is named on the command line always is.

    ## Why it matters

    No finding in such a file means nothing. A script that does not parse under the Python that runs the linter may
    parse under another one: run wbsignal-lint with the Python that trains.

    ## Example

    Bad:

    ```python
    import wandb

    with wandb.init() as run
        run.log({"loss": 0.1})
    ```

    Good:

    ```python
    import wandb

    with wandb.init() as run:
        run.log({"loss": 0.1})
    ```

    ## Fix

    None.

    ## Leaves alone

    Shell scripts with syntax that the grammar does not know: the rest of them is read all the same. Files found in a
    folder that are neither Python nor shell.
    """

    code = "WBS001"
    name = "unreadable-source"
    severity = Severity.ERROR

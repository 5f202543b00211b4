"""WBS501."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Diagnostic, Severity, Span
from wbsignal_lint.launch.facts import LaunchFile, Word
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["SweepArgsInString"]

_MACRO = re.compile(
    r"(?<![\\$])\$\{(?P<name>args|args_no_hyphens|args_no_boolean_flags|args_json|args_json_file|program|interpreter)\}"
)


class SweepArgsInString(LaunchRule):
    """A macro inside a longer string of a sweep's command is never replaced: the parameters are lost.

    ## What it finds

    In the `command:` of a W&B sweep file: `${args}`, `${args_no_hyphens}`, `${args_no_boolean_flags}`, `${args_json}`,
    `${args_json_file}`, `${program}` or `${interpreter}` in an element that has more in it than the macro, such as
    `bash -c` with `"python train.py ${args}"`.

    ## Why it matters

    The agent replaces a macro only where it is a whole element of the list. In a longer string it stays as it is, and a
    shell that reads the string takes it for a variable that is not set: the training starts without any of the
    sweep's parameters, every run of the sweep is the same, and nothing says so.

    ## Example

    Bad:

    ```yaml
    program: train.py
    method: random
    parameters:
      lr: {min: 0.0001, max: 0.1}
    command:
      - bash
      - -c
      - exec python train.py ${args}
    ```

    Good:

    ```yaml
    program: train.py
    method: random
    parameters:
      lr: {min: 0.0001, max: 0.1}
    command:
      - bash
      - -c
      - exec python train.py "$@"
      - bash
      - ${args}
    ```

    ## Fix

    There is none: where the arguments have to go depends on what the string is for. In a script for `bash -c` write
    `"$@"`, give any word behind the script for `$0`, and `${args}` as an element of its own behind it.

    ## Leaves alone

    Macros that are an element of their own; `${envvar:NAME}`, which is replaced inside strings, too; variables that the
    string itself sets (`args=$(cat args.txt); python train.py ${args}`); other names, which are the shell's own.

    ## Source

    Measured with wandb 0.31.0: the training got the macro's own letters as an argument, or, through a shell,
    nothing; where the program's name was lost it was not started at all. The same in wandb's issue 3255.
    """

    code = "WBS501"
    name = "sweep-args-in-string"
    severity = Severity.ERROR

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every macro that is not an element of its own."""
        for sweep in launch.sweeps:
            for word in sweep.words:
                yield from self._in_element(word, sweep.span)

    def _in_element(self, word: Word, scope: Span) -> Iterator[Diagnostic]:
        text = word.pattern
        for macro in _MACRO.finditer(text):
            name = macro["name"]
            if macro[0] == text or re.search(rf"(?:^|[\s;&|(]){name}\+?=|\bread\b[^;\n]*\b{name}\b", text):
                continue
            what = "the program's name is" if name in ("program", "interpreter") else "the sweep's parameters are"
            yield self.at(
                word.literal[macro.start() : macro.end()].span,
                f"{macro[0]} is replaced only where it is an element of its own; inside a longer string {what} "
                "silently lost",
                scope=scope,
            )

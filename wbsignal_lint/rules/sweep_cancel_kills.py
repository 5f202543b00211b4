"""WBS413."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.running import CLIENTS
from wbsignal_lint.launch.steps import Launch
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["SweepCancelKills"]


class SweepCancelKills(LaunchRule):
    """`wandb sweep --cancel` kills the runs of a sweep; no handler hears of it.

    ## What it finds

    `wandb sweep --cancel …`, also as `python -m wandb sweep --cancel`, through whatever runs it.

    ## Why it matters

    The server tells every agent of the sweep to exit, and the agent sends SIGKILL to its run at once. No signal handler
    runs, no checkpoint is written, `finish()` is not reached and no exit code is sent. `--stop` lets the runs that are
    under way come to their end and starts no further ones.

    ## Example

    Bad:

    ```bash
    wandb sweep --cancel lab/vision/z8x6c4v2
    ```

    Good:

    ```bash
    wandb sweep --stop lab/vision/z8x6c4v2
    ```

    ## Fix

    Unsafe: replaces `--cancel` by `--stop`. Unsafe because the runs then go on to their end, which may not be what was
    wanted. Where the option comes from a variable of which the file does not tell the place, there is no fix.

    ## Leaves alone

    `--stop`, `--pause` and `--resume`; files that call `wandb sweep --stop`, too, and so leave the choice to whoever
    runs them; `wandb sweep --help`; printed hints, comments, patterns.

    ## Source

    `wandb sweep --help` for what the server does; measured with wandb 0.31.0 for the agent: its answer to the server's
    `exit` is SIGKILL to its child, nothing is recorded, and it leaves with 0; when the sweep was stopped the run came
    to its end, was recorded with 0, and no other was started.
    """

    code = "WBS413"
    name = "sweep-cancel-kills"
    severity = Severity.WARNING
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every `--cancel` of a sweep."""
        trapped = (
            step.command
            for script in launch.scripts
            for trap in script.traps
            for step in trap.steps
            if isinstance(step, Launch)
        )
        calls = [
            command
            for command in (*launch.commands, *trapped)
            if len(command.words) >= 3
            and command.words[0].program in CLIENTS
            and command.words[1].value == "sweep"
            and not any(word.value in ("--help", "-h") for word in command.words)
        ]
        if any(word.value == "--stop" for command in calls for word in command.words[2:]):
            return
        seen = set()
        for command in calls:
            for word in command.words[2:]:
                place = word.literal.span
                if word.value != "--cancel" or place in seen:
                    continue
                seen.add(place)
                stands = word.literal.is_contiguous
                fix = Fix("Replace --cancel by --stop", (Edit(place, "--stop"),), Applicability.UNSAFE)
                yield self.at(
                    place if stands else word.span,
                    "this kills the runs of the sweep with SIGKILL: none of them can save anything or tell W&B how it "
                    "ended; --stop lets them finish and starts no others",
                    outcome=describe_outcome("SIGKILL", False, None),
                    fix=fix if stands else None,
                    scope=command.span,
                )

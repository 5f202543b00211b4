"""WBS414."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity, Span
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["TermTimeoutUnused"]


class TermTimeoutUnused(LaunchRule):
    """An agent's --term-timeout does nothing without --forward-signals.

    ## What it finds

    `wandb agent --term-timeout N` (or `-t N`) without `-f` or `--forward-signals`.

    ## Why it matters

    The option says how long the agent waits for its run after it has passed a SIGTERM on. An agent that passes
    nothing on dies of the SIGTERM itself, at once: the run goes on as an orphan, is never told, and nobody waits
    for it. Whoever gave the time believes that the run has it.

    ## Example

    Bad:

    ```bash
    srun wandb agent --term-timeout 120 "$SWEEP_ID"
    ```

    Good:

    ```bash
    srun wandb agent --forward-signals --term-timeout 120 "$SWEEP_ID"
    ```

    ## Fix

    Inserts `--forward-signals` behind the word `agent`, as the fix of agent-without-forward-signals (WBS401), which is
    reported for the same command. Every client that knows `--term-timeout` knows that option. Where the word does not
    stand in the file, there is no fix.

    ## Leaves alone

    Commands whose words the file does not tell (`wandb agent "$@"`), `--help`, printed hints, comments.

    ## Source

    `wandb agent --help` (0.28.2 and newer); measured with wandb 0.31.0.
    """

    code = "WBS414"
    name = "term-timeout-unused"
    severity = Severity.WARNING
    fixes = (Applicability.SAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every agent that is given a time, and certainly does not forward signals."""
        for agent in launch.agents:
            timeout = _place(agent)
            if timeout is None or agent.forwarding is not Forwarding.NO or agent.wants_help:
                continue
            slot = agent.slot
            yield self.at(
                timeout,
                "this time is never given: without --forward-signals a SIGTERM ends the agent at once, and the run is "
                "neither told nor waited for",
                outcome=describe_outcome("SIGTERM", False, None),
                fix=None if slot is None else Fix("Insert --forward-signals", (slot.insert("--forward-signals"),)),
                scope=agent.command.span,
            )


def _place(agent: AgentCommand) -> Span | None:
    """Return where the option stands."""
    if "--term-timeout" not in dict(agent.options):
        return None
    for word in agent.command.words:
        name = word.pattern.partition("=")[0]
        if name == "--term-timeout" or (word.pattern.startswith("-t") and not word.pattern.startswith("--")):
            return word.literal.span if word.literal.is_contiguous else word.span
    return None

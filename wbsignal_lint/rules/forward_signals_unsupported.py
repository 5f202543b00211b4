"""WBS402."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.contract import FORWARDING_AGENT_ENDS, FORWARDS_SIGNALS, HAS_TERM_TIMEOUT
from wbsignal_lint.diagnostics import Confidence, Diagnostic, Severity, Span
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, LaunchFile
from wbsignal_lint.pins import Pin
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["ForwardSignalsUnsupported"]

_FORWARD = re.compile(r"--forward-signals|-[A-Za-z]*f.*")
_TIMEOUT = re.compile(r"--term-timeout(?:=.*)?|-[A-Za-z]*t.*", re.DOTALL)


class ForwardSignalsUnsupported(LaunchRule):
    """The wandb that the project pins is too old for the agent's options.

    ## What it finds

    - `wandb agent --forward-signals` (or `-f`) where wandb is pinned below 0.24.0;
    - the same where it is pinned below 0.28.0;
    - `--term-timeout` (or `-t`) where it is pinned below 0.28.2.

    The pin stands in the file itself (`pip install wandb==0.23.1`) or in the project: requirements, pyproject.toml,
    lock files, conda environments. It counts if every version that it allows is too old.

    ## Why it matters

    A client that does not know the option answers "No such option" and does not start. From 0.24.0 to 0.27 the agent
    does pass a SIGTERM on, and the run is marked; but the agent itself goes on, and some seconds later starts the next
    run on a node that is about to be taken away.

    ## Example

    Bad:

    ```bash
    pip install wandb==0.23.1
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    Good:

    ```bash
    pip install "wandb>=0.28.2"
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    ## Fix

    There is none: which version a project can live with is its own affair.

    ## Leaves alone

    Projects that pin nothing, or allow a version that is new enough (`wandb>=0.20`); agents with `--count 1` between
    0.24.0 and 0.28, which have no next run to start; agents without the options.

    ## Source

    Measured with real agents: 0.23.1 does not know `--forward-signals` and 0.28.1 not `--term-timeout`, both leave
    with 2 and start nothing; 0.24.1, 0.25.1 and 0.27.2 started the next run 5 to 10 seconds after the forwarded
    SIGTERM; 0.28.0 ended. That 0.24.0 brought the option is from its wheel.
    """

    code = "WBS402"
    name = "forward-signals-unsupported"
    severity = Severity.WARNING
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every option of an agent that the pinned wandb does not have, or does not have right."""
        pins = launch.wandb_pins
        for agent in launch.agents:
            if agent.wants_help or not pins:
                continue
            options = dict(agent.options)
            if agent.forwarding is Forwarding.YES:
                place = _place(agent, _FORWARD)
                if (pin := _below(pins, FORWARDS_SIGNALS)) is not None:
                    yield self._at(place, agent, _unknown(pin, FORWARDS_SIGNALS))
                elif (pin := _below(pins, FORWARDING_AGENT_ENDS)) is not None and options.get("--count") != "1":
                    yield self._at(
                        place,
                        agent,
                        f"the agent of {pin} passes SIGTERM on, but does not end itself ({FORWARDING_AGENT_ENDS} "
                        "does): some seconds later it starts the next run on a node that is being taken away",
                    )
            if "--term-timeout" in options and (pin := _below(pins, HAS_TERM_TIMEOUT)) is not None:
                place = _place(agent, _TIMEOUT)
                yield self._at(place, agent, _unknown(pin, HAS_TERM_TIMEOUT))

    def _at(self, place: Span, agent: AgentCommand, message: str) -> Diagnostic:
        return self.at(place, message, scope=agent.command.span)


def _below(pins: tuple[Pin, ...], version: str) -> str | None:
    """Return the first pin in words, if all of them allow only versions that are older than this one."""
    return f"wandb{pins[0]}" if all(pin.surely_below(version) for pin in pins) else None


def _unknown(pin: str, since: str) -> str:
    return f"{pin} does not know this option, which came with {since}: the agent does not start"


def _place(agent: AgentCommand, option: re.Pattern[str]) -> Span:
    """Return where an option stands."""
    for word in agent.command.words[2:]:
        if option.fullmatch(word.pattern):
            return word.literal.span if word.literal.is_contiguous else word.span
    return agent.span

"""WBS504."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Confidence, Diagnostic, Related, Severity
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["GraceTooShort"]


class GraceTooShort(LaunchRule):
    """A container is killed before its sweep agent has given the run the time it promises.

    ## What it finds

    A container that starts `wandb agent --forward-signals --term-timeout N`, in a pod whose
    `terminationGracePeriodSeconds`, or a service of compose whose `stop_grace_period`, is shorter than N seconds. Where
    the key is missing, the default counts: 30 seconds in Kubernetes, 10 in docker.

    ## Why it matters

    After the grace period everything in the container gets SIGKILL, the handler in the midst of its checkpoint too: the
    run is not marked, or its exit code is not sent. The agent's own time is never used up.

    ## Example

    Bad:

    ```yaml
    services:
      agent:
        image: lab/agent
        command: wandb agent --forward-signals --term-timeout 120 lab/vision/z8x6c4v2
    ```

    Good:

    ```yaml
    services:
      agent:
        image: lab/agent
        stop_grace_period: 150s
        command: wandb agent --forward-signals --term-timeout 120 lab/vision/z8x6c4v2
    ```

    ## Fix

    There is none: how long a platform lets its containers live on is not for a linter to decide.

    ## Leaves alone

    Agents without `--term-timeout`, which wait for as long as their run takes; times and grace periods that the file
    does not tell; agents without `--forward-signals` (WBS414).

    ## Source

    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, https://docs.docker.com/reference/compose-file/
    for the grace periods; measured with wandb 0.31.0 as process 1 of a container whose grace period ended while the
    handler was saving: a handler that marks first left a mark and no exit code, one that marks last left nothing; with
    a longer grace period both were recorded in full.
    """

    code = "WBS504"
    name = "grace-too-short"
    severity = Severity.WARNING
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every grace period that ends before the time of an agent in its containers."""
        for grace in launch.grace_periods:
            agents = [agent for agent in launch.agents if grace.scope.start <= agent.span.start < grace.scope.end]
            needs = [(needed, agent) for agent in agents if (needed := _seconds(agent)) is not None]
            if not needs:
                continue
            needed, agent = max(needs, key=lambda need: need[0])
            if needed <= grace.seconds:
                continue
            given = "" if grace.span is not None else ", the default,"
            place = agent.span if grace.span is None else grace.span
            related = Related(agent.span, f"this agent waits up to {needed} s for its run")
            yield self.at(
                place,
                f"{grace.key} of {grace.seconds:g} s{given} is less than the agent's --term-timeout of {needed} s: the "
                "container is killed while the run is still being ended",
                outcome=describe_outcome("SIGKILL", False, None),
                related=() if grace.span is None else (related,),
                scope=agent.command.span if grace.span is None else None,
            )


def _seconds(agent: AgentCommand) -> int | None:
    value = dict(agent.options).get("--term-timeout")
    if agent.forwarding is not Forwarding.YES or agent.wants_help or value is None or not value.isdigit():
        return None
    return int(value)

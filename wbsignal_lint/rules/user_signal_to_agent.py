"""WBS403."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.launch.batch import Started, started_in
from wbsignal_lint.launch.facts import Forwarding, LaunchFile
from wbsignal_lint.launch.processes import Delivery, deliver, deliver_to_job, deliver_to_step, kills_of, reaches
from wbsignal_lint.launch.steps import ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["UserSignalToAgent"]

_SIGNALS = ("USR1", "USR2")
_NAME = re.compile(r"(SIG)?(?:USR[12])|(?<=[:=-])1[02](?=@|$)|^1[02]$")


class UserSignalToAgent(LaunchRule):
    """SIGUSR1 ends an agent's run but not the agent, which starts its next run on the dying node.

    ## What it finds

    SIGUSR1 or SIGUSR2 on its way to a sweep agent with `--forward-signals` and without `--count 1`: a `kill -USR1` of
    its pid, `#SBATCH --signal=USR1@…` with the agent as an `srun` task, `--signal=B:USR1@…` with an agent that `exec`
    starts; in Python that starts the agent with `Popen`, `agent.send_signal(signal.SIGUSR1)` and `os.kill`.

    ## Why it matters

    A forwarding agent passes every signal on, but only SIGTERM, SIGINT, SIGHUP and SIGQUIT also end the agent itself.
    After SIGUSR1 the current run is marked and requeued as it should be; the agent then asks for the next run, often
    the very one that was just requeued, and starts it on the node that is about to go. That run is killed without a
    word: W&B records CRASHED after about five minutes, not requeued.

    ## Example

    Bad:

    ```bash
    #SBATCH --signal=USR1@120
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    Good:

    ```bash
    #SBATCH --signal=TERM@120
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    ## Fix

    Sends SIGTERM instead. It is unsafe, because the training must handle SIGTERM, too. Where the signal goes to
    `srun`'s pid, SIGTERM would kill the training; there the fix adds `--count 1`, so that the agent ends after its run.

    ## Leaves alone

    Agents with `--count 1`, agents that do not forward (WBS401), signals to a training process itself.

    ## Source

    Measured with wandb 0.25.1, 0.28.2 and 0.31.0: five to ten seconds after SIGUSR1 the agent starts another run.
    """

    code = "WBS403"
    name = "user-signal-to-agent"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every place that sends SIGUSR1 or SIGUSR2 to an agent that outlives it."""
        for sent in launch.children.agents:
            goes_on = sent.agent.forwarding is Forwarding.YES and ("--count", "1") not in sent.agent.options
            if sent.signal in _SIGNALS and goes_on:
                fix = (
                    None
                    if sent.milder is None
                    else Fix("Send SIGTERM instead", (Edit(*sent.milder),), Applicability.UNSAFE)
                )
                yield self._found(sent.span, sent.signal, sent.agent.span, fix)
        found: set[Span] = set()
        for script in launch.scripts:
            for started in started_in(script):
                if started.launch.agent is None or started.outer:
                    continue
                for signal, span, is_kill, delivery in _sent_to(script, started):
                    if delivery is not None and delivery.agent_goes_on and span not in found:
                        found.add(span)
                        yield self._finding(launch.text, started, signal, span, is_kill, delivery)

    def _finding(
        self, text: str, started: Started, signal: str, span: Span, is_kill: bool, delivery: Delivery
    ) -> Diagnostic:
        return self._found(span, signal, started.span, _fix(text, started, span, is_kill, delivery))

    def _found(self, span: Span, signal: str, agent: Span, fix: Fix | None) -> Diagnostic:
        return self.at(
            span,
            f"SIG{signal} ends the agent's run but not the agent: it starts its next run on the node that is going "
            "away; SIGTERM ends both",
            outcome=describe_outcome("the SIGKILL that its next run gets", False, None),
            fix=fix,
            related=(Related(agent, "the agent"),),
        )


def _sent_to(script: ShellScript, started: Started) -> Iterator[tuple[str, Span, bool, Delivery | None]]:
    """Yield the user signals sent to an agent: which, where the script says so, whether by ``kill``, what happens."""
    command = started.launch
    for kill in kills_of(script):
        if kill.signal in _SIGNALS and command.job is not None and reaches(script, kill, command):
            yield kill.signal, kill.signal_span or kill.span, True, deliver_to_job(script, command, kill.signal)
    asked = script.job_signal
    if asked is not None and asked.signal in _SIGNALS:
        to = deliver if asked.to_batch_shell else deliver_to_step
        delivery = to(script, command, asked.signal)
        if delivery is not None and delivery.trap is None:
            yield asked.signal, asked.directive.span, False, delivery


def _fix(text: str, started: Started, span: Span, is_kill: bool, delivery: Delivery) -> Fix | None:
    agent = started.launch.agent
    if is_kill and any(one.process.name == "srun" for one in delivery.receptions):
        if agent is None or agent.slot is None or any(name == "--count" for name, _ in agent.options):
            return None
        return Fix("End the agent after one run", (agent.slot.insert("--count 1"),), Applicability.UNSAFE)
    match = _NAME.search(text[span.start : span.end])
    if match is None:
        return None
    place = Span(span.start + match.start(), span.start + match.end())
    name = "15" if match[0].isdigit() else f"{match[1] or ''}TERM"
    return Fix("Send SIGTERM instead", (Edit(place, name),), Applicability.UNSAFE)

"""WBS401: a sweep agent that does not pass signals on to its runs."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["AgentWithoutForwardSignals"]

OPTION = "--forward-signals"
FIRST_VERSION = (0, 24)
"""The first wandb that has the option; 0.23.1 answers "No such option"."""


class AgentWithoutForwardSignals(LaunchRule):
    """A sweep agent started without --forward-signals keeps a preemption from its run.

    What it finds
    -------------
    ``wandb agent …`` (also ``python -m wandb agent``) without ``-f``/``--forward-signals``, through whatever runs it:
    ``srun``, ``nohup``, ``timeout``, ``conda run``, containers, ``bash -c '…'``, ``ssh``, ``tmux send-keys``, variables and arrays,
    here-documents that become job scripts.

    Why it matters
    --------------
    The agent starts every run in a process group of its own. Without the option a SIGTERM, SIGUSR1 or SIGHUP kills the agent
    and stops there: the training process goes on as an orphan, its handler never runs, nothing is marked as preempting.
    When the node is taken away, W&B sees heartbeats end and records CRASHED about five minutes later; the run is not requeued.
    With the option the agent passes the signal on, the handler marks the run, and W&B requeues it.

    Example
    -------
    Bad:

    ```bash
    #SBATCH --signal=TERM@120
    srun wandb agent "$SWEEP_ID"
    ```

    Good:

    ```bash
    #SBATCH --signal=TERM@120
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    Fix
    ---
    Inserts ``--forward-signals`` behind the word ``agent``, wherever that stands: in quotes, in a here-document, in the
    variable that holds the command. Where the word does not stand in the file there is no fix. The option exists from wandb
    0.24.0 on; in a file that itself installs an older one the fix is unsafe, since the agent would not start.

    Leaves alone
    ------------
    Comments, ``echo``, usage texts and other here-documents that are only shown, ``grep``/``pkill`` patterns, commit messages,
    ``wandb agent --help``; and every call whose words the file does not tell: ``wandb agent "$@"``, ``wandb agent $FLAGS $SWEEP``. A single
    unknown word (``wandb agent $1``) is the sweep id and is reported.

    Source
    ------
    https://docs.wandb.ai/guides/sweeps/ and ``wandb agent --help``; the outcomes were measured with wandb 0.31.0: SIGTERM to
    the agent without the option leaves the child running with parent 1 and no record, with it the child records
    preempting and exit 143.
    """

    code = "WBS401"
    name = "agent-without-forward-signals"
    severity = Severity.ERROR

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every agent of which it is certain that it does not forward signals."""
        for agent in launch.agents:
            if agent.forwarding is Forwarding.NO and not agent.wants_help:
                yield self.at(
                    agent.span,
                    f"this sweep agent does not pass signals on to its runs: add {OPTION}, or a preemption kills the agent "
                    "and the training is never told",
                    outcome="SIGTERM, SIGUSR1 or SIGHUP ends the agent and orphans the training: nothing is recorded, "
                    "CRASHED after about 5 minutes, not requeued",
                    fix=self._fix(agent, launch),
                    scope=agent.command.span,
                )

    @staticmethod
    def _fix(agent: AgentCommand, launch: LaunchFile) -> Fix | None:
        if agent.slot is None:
            return None
        too_old = any(_version(text) < FIRST_VERSION for text, _ in launch.wandb_versions)
        applicability = Applicability.UNSAFE if too_old else Applicability.SAFE
        return Fix(f"Insert {OPTION}", (agent.slot.insert(OPTION),), applicability)


def _version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``0.23.1rc1`` gives ``(0, 23, 1)``."""
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)

"""WBS401."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import FORWARDS_SIGNALS, describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["AgentWithoutForwardSignals"]

OPTION = "--forward-signals"


class AgentWithoutForwardSignals(LaunchRule):
    """A sweep agent started without --forward-signals keeps a preemption from its run.

    ## What it finds

    `wandb agent …`, also as `python -m wandb agent`, without `-f` or `--forward-signals`, through whatever runs it:
    `srun`, `nohup`, `timeout`, `conda run`, containers, `bash -c '…'`, `ssh`, `tmux send-keys`, variables and arrays,
    here-documents that become job scripts. Shell is read wherever it stands: in Makefiles, justfiles, Dockerfiles, YAML
    (Kubernetes, Argo, compose, GitHub Actions, GitLab CI …), notebooks, and documentation if that is wanted.

    In Python: `subprocess`, `os.system`, `os.exec*`, `asyncio`, submitit's `CommandFunction`, `invoke` and their like,
    with lists, f-strings, constants, helper functions, and job files that the script writes.

    ## Why it matters

    The agent starts every run in a process group of its own. Without the option a SIGTERM, SIGUSR1 or SIGHUP kills the
    agent and stops there: the training goes on as an orphan, its handler never runs, nothing is marked as preempting.
    When the node is taken away, W&B sees no more heartbeats and records CRASHED after about five minutes; it does not
    requeue the run. With the option the agent passes the signal on, the handler marks the run, and W&B requeues it.

    ## Example

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

    ## Fix

    Inserts `--forward-signals` behind the word `agent`, wherever that stands: in quotes, in a here-document, in the
    variable that holds the command. Where the word does not stand in the file, there is no fix.

    The option exists from wandb 0.24.0 on. Where the file itself installs an older client, or the project pins one, the
    fix is unsafe: that agent refuses the option and does not start. In a list the option becomes an element of its own,
    in the layout of the list.

    A program that starts the agent and waits for it gets the scheduler's signal itself. Let it become the agent
    (`exec`, `os.execvp`), or let it pass the signal on.

    ## Leaves alone

    Comments, `echo`, usage texts and other here-documents that are only shown, `grep` and `pkill` patterns, commit
    messages, `wandb agent --help`. Calls whose words the file does not tell: `wandb agent "$@"`,
    `wandb agent $FLAGS $SWEEP`. A single unknown word, as in `wandb agent $1`, is the sweep id and is reported. An
    `echo` is read only where what it prints is run: `echo "wandb agent $ID" | bash`, `… >> job.sh`. In Python only what
    is really started counts: not what is printed, logged, compared, written as prose, or kept in a list that nothing
    runs; nor a list to which some branch appends the option. Agents whose runs record nothing: `WANDB_MODE=disabled`,
    in the shell or in what its host puts into its environment (`env:`, `ENV`, `export`, `%env`, `os.environ`).

    ## Source

    `wandb agent --help`, https://docs.wandb.ai/guides/sweeps/, and measured with wandb 0.31.0: after SIGTERM to an
    agent without the option its child lives on with parent 1 and nothing is recorded; with it the child records
    preempting and exit code 143. wandb 0.23.1 answers "No such option".
    """

    code = "WBS401"
    name = "agent-without-forward-signals"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every agent of which it is certain that it does not forward signals."""
        for agent in launch.agents:
            if agent.forwarding is Forwarding.NO and not agent.wants_help:
                yield self.at(
                    agent.span,
                    f"this sweep agent does not pass signals on to its runs: without {OPTION} a preemption kills the "
                    "agent, and the training is never told",
                    outcome=describe_outcome("SIGTERM, SIGUSR1 or SIGHUP", False, None),
                    fix=self._fix(agent, launch),
                    scope=agent.command.span,
                )

    @staticmethod
    def _fix(agent: AgentCommand, launch: LaunchFile) -> Fix | None:
        if agent.slot is None:
            return None
        too_old = any(pin.surely_below(FORWARDS_SIGNALS) for pin in launch.wandb_pins)
        applicability = Applicability.UNSAFE if too_old else Applicability.SAFE
        return Fix(f"Insert {OPTION}", (agent.slot.insert(OPTION),), applicability)

"""What a script does, in order: the facts that rules about traps, background jobs and pids rest on."""

from __future__ import annotations

from wbsignal_lint.launch.reader import read_launch
from wbsignal_lint.launch.steps import Action, Capture, Kill, Launch, Requeue, ShellScript, TargetKind, Trap, Wait

JOB = """#!/bin/bash
#SBATCH -N 1 --signal=B:USR1@120  # early enough
#SBATCH --requeue
set -euo pipefail
stop() {
  kill -TERM "$PID" 2>/dev/null || true
  wait "$PID"
}
for s in SIGUSR1 TERM; do trap stop $s; done
trap "kill -15 $OTHER" INT
trap '' 10
python train.py --project wandb > >(tee log) 2>&1 &
PID=$!
while kill -0 $PID; do wait $PID; done
wandb agent me/p/x || scontrol requeue "$SLURM_JOB_ID"
"""


def script_of(text: str, index: int = 0) -> ShellScript:
    return read_launch(text).scripts[index]


def text_at(text: str, step: Launch | Trap | Wait | Kill | Capture) -> str:
    return text[step.span.start : step.span.end]


def test_directives_end_at_the_first_command_and_comments_are_none() -> None:
    script = script_of(JOB + "#SBATCH --no-requeue\n")

    assert [(one.name, one.value) for one in script.directives] == [
        ("-N", "1"),
        ("--signal", "B:USR1@120"),
        ("--requeue", None),
    ]
    signal = script.job_signal
    assert signal is not None
    assert (signal.signal, signal.to_batch_shell, signal.seconds) == ("USR1", True, 120)


def test_the_options_of_a_submit_command_count_as_directives() -> None:
    script = script_of("sbatch --signal=TERM@60 -t 10 --wrap 'wandb agent x/y/z'\n", 1)

    assert script.job_signal is not None
    assert not script.job_signal.to_batch_shell
    assert script.directive("--time") is not None
    assert [launch.agent is not None for launch in script.launches] == [True]


def test_traps_have_normal_signals_and_functions_are_followed() -> None:
    usr1, interrupt, ignored = script_of(JOB).traps

    assert usr1.signals == ("USR1", "TERM")
    assert [type(step) for step in usr1.steps] == [Kill, Launch, Wait]
    assert interrupt.signals == ("INT",)
    assert [one.name for one in interrupt.early] == ["OTHER"]
    assert (ignored.signals, ignored.action) == (("USR1",), Action.IGNORE)


def test_pids_lead_to_the_job_they_were_kept_of() -> None:
    script = script_of(JOB)
    trainer = next(launch for launch in script.watched if launch.trainer is not None)
    kill = next(step for step in script.traps[0].steps if isinstance(step, Kill))

    assert trainer.job is not None
    assert trainer.job.form == "command"
    assert script.captures[0].captured == kill.targets[0].jobs == (trainer.job,)
    assert script.waits[0].in_loop


def test_what_follows_a_failure_is_known() -> None:
    agent = script_of(JOB).watched[-1]

    assert agent.or_else is not None
    assert agent.or_else.words == ("scontrol", "requeue", '"$SLURM_JOB_ID"')
    assert [type(step) for step in script_of(JOB).steps][-1] is Requeue


def test_functions_stand_where_they_are_called_and_background_ones_are_shells() -> None:
    text = "run() { wandb agent a/b/c; }\nnever() { wandb agent x/y/z; }\nrun &\nP=$!\nwait $P\n"
    script = script_of(text)

    assert [text_at(text, launch) for launch in script.watched] == ["wandb agent a/b/c"]
    assert script.watched[0].job is not None
    assert script.watched[0].job.form == "group"
    assert script.waits[0].targets[0].jobs == (script.watched[0].job,)


def test_pid_files_and_lists_of_pids_are_followed() -> None:
    script = script_of(
        "for i in 1 2; do wandb agent a/b/c & PIDS+=($!); done\n"
        "wandb agent a/b/c &\necho $! > agent.pid\n"
        "for p in ${PIDS[@]}; do wait $p; done\nkill -s USR1 $(cat agent.pid)\nkill $(jobs -p)\n"
    )
    first, second = (launch.job for launch in script.watched)

    assert script.waits[0].targets[0].jobs == (first,)
    assert [(kill.signal, kill.targets[0].kind) for kill in script.kills] == [
        ("USR1", TargetKind.FILE),
        ("TERM", TargetKind.ALL_JOBS),
    ]
    assert script.kills[0].targets[0].jobs == (second,)


def test_nothing_runs_behind_an_exec_or_exit() -> None:
    script = script_of(
        "wandb login\nif x; then exec wandb agent a/b/c; fi\nexec wandb agent d/e/f\nwandb agent g/h/i\n"
    )

    assert [launch.is_exec for launch in script.watched] == [True, True]
    assert [launch.is_last for launch in script.watched] == [False, True]


def test_the_last_commands_of_two_branches_are_both_last() -> None:
    script = script_of("if x; then wandb agent a/b/c; else wandb agent -f d/e/f; fi\n")

    assert [launch.is_last for launch in script.watched] == [True, True]


def test_pipelines_know_their_stages() -> None:
    script = script_of("wandb agent a/b/c 2>&1 | tee log || true\n")

    agent = script.watched[0]
    assert (agent.stage, agent.stages, agent.neighbours) == (0, 2, ("wandb", "tee"))
    assert agent.or_else is not None


def test_a_list_before_a_pipeline_is_no_part_of_it() -> None:
    script = script_of("cd src && wandb agent a/b/c 2>&1 | tee log &\nP=$!\n")
    folder, agent, reader = script.launches

    assert [launch.stages for launch in (folder, agent, reader)] == [1, 2, 2]
    assert agent.job is not None
    assert agent.job.form == "group"


def test_who_goes_by_a_status_is_known() -> None:
    script = script_of(
        "wandb agent a/b/1 | tee log && touch done\nwandb agent a/b/2\n[ $? -eq 0 ] || exit 1\nwandb agent a/b/3\n"
    )
    first, second, third = script.watched

    assert [launch.and_then is not None for launch in script.watched] == [True, False, False]
    assert (first.is_status_read, second.is_status_read, third.is_status_read) == (False, True, False)


def test_options_stand_in_the_first_line_and_in_the_command_that_runs_a_script() -> None:
    text = "#!/bin/bash -e\nwandb agent a/b/c\nbash -euo pipefail -c 'wandb agent d/e/f'\nset +e\nwandb agent g/h/i\n"
    outer, inner = script_of(text), script_of(text, 1)

    assert [outer.option("errexit", launch) for launch in outer.watched] == [True, False]
    assert inner.option("pipefail", inner.watched[0])
    assert not outer.option("pipefail", outer.watched[0])


def test_redirections_of_a_group_are_not_those_of_its_commands() -> None:
    inside, own = script_of("{ wandb agent a/b/c; } > log\nwandb agent a/b/c > log 2>&1\n").watched

    assert (len(inside.redirects), len(own.redirects)) == (0, 2)


def test_a_trainer_is_found_by_its_file_or_by_its_name() -> None:
    text = "export WANDB_MODE=offline\npython main.py\nsrun python -u src/train_vae.py\npython prepare_train.py\n"

    assert [launch.trainer.script for launch in script_of(text).watched if launch.trainer] == ["src/train_vae.py"]
    looked_up = read_launch(text, lambda path: True if path == "main.py" else None).scripts[0]
    assert [launch.trainer.script for launch in looked_up.watched if launch.trainer] == ["main.py", "src/train_vae.py"]
    assert script_of(text.replace("WANDB", "OTHER")).watched == ()

"""What a job trains with in these tests: it logs for minutes, and its handler marks the run and leaves non-zero.

Restarted by SLURM it has little left to do, so that a requeued job comes to its end.
"""

import os
import signal
import sys
import time

import wandb

PREEMPTION_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def handle_preemption(signum, frame):
    for preemption_signal in PREEMPTION_SIGNALS:
        signal.signal(preemption_signal, signal.SIG_IGN)  # SLURM sends SIGTERM twice to a step at the time limit
    wandb.run.mark_preempting()
    time.sleep(0.5)  # the checkpoint
    marker = os.environ.get("PREEMPT_MARKER")
    if marker:
        open(marker, "w").close()
    sys.exit(128 + signum)


for preemption_signal in PREEMPTION_SIGNALS:
    signal.signal(preemption_signal, handle_preemption)

run = wandb.init(project="slurm")
for step in range(5 if os.environ.get("SLURM_RESTART_COUNT", "0") != "0" else 4000):
    run.log({"step": step})
    time.sleep(0.05)

"""A trainer that is preempted after its first logs, by a signal that nobody else gets, as a task of srun is."""

import os
import signal
import sys

import wandb


def handler(signum, frame):
    wandb.run.mark_preempting()
    wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="launch")
for step in range(100):
    run.log({"step": step})
    if step == 3:
        os.kill(os.getpid(), signal.SIGTERM)

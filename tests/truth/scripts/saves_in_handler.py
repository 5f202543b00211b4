"""A trainer whose handler takes three seconds to save; its arguments are what the handler does, in order."""

import signal
import sys
import time

import wandb


def handler(signum, frame):
    signal.signal(signum, signal.SIG_IGN)
    for what in sys.argv[1:]:
        if what == "saves":
            time.sleep(3)
        else:
            wandb.run.mark_preempting()
    wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="saves")
for step in range(600):
    run.log({"step": step})
    time.sleep(0.05)

"""A trainer that comes to its end by itself after some twenty seconds; its handler marks and exits non-zero."""

import signal
import sys
import time

import wandb


def handler(signum, frame):
    signal.signal(signum, signal.SIG_IGN)
    if wandb.run is not None:
        wandb.run.mark_preempting()
        wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="sweep")
for step in range(200):
    run.log({"step": step})
    time.sleep(0.1)

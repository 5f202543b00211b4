"""A trainer whose handler marks, takes three seconds to save, and exits non-zero; it trains for half a minute."""

import signal
import sys
import time

import wandb


def handler(signum, frame):
    for one in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(one, signal.SIG_IGN)
    if wandb.run is not None:
        wandb.run.mark_preempting()
        time.sleep(3)
        wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


for signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(signum, handler)

run = wandb.init(project="launch")
for step in range(600):
    run.log({"step": step})
    time.sleep(0.05)

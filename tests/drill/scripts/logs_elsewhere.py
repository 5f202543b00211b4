"""Puts its run's files where it wants them."""

import signal
import sys
import time

import wandb


def handler(signum, frame):
    run.mark_preempting()
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="drill", dir=sys.argv[1])
for step in range(3000):
    run.log({"step": step})
    time.sleep(0.05)

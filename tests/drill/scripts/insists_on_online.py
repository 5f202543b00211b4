"""Logs in and asks for an online run, whatever its environment says."""

import signal
import sys
import time

import wandb


def handler(signum, frame):
    run.mark_preempting()
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
wandb.login()
run = wandb.init(project="drill", mode="online")
for step in range(3000):
    run.log({"step": step})
    time.sleep(0.05)

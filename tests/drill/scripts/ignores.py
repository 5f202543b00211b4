"""Ignores the signal and trains on."""

import signal
import time

import wandb

signal.signal(signal.SIGTERM, signal.SIG_IGN)
run = wandb.init(project="drill")
for step in range(3000):
    run.log({"step": step})
    time.sleep(0.05)

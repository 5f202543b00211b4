"""Trains, with a thread that writes to standard output as fast as it can."""

import os
import signal
import sys
import threading
import time

import wandb


def handler(signum, frame):
    run.mark_preempting()
    sys.exit(128 + signum)


def write():
    while True:
        os.write(1, b"a line of a progress bar that never ends\n" * 1000)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="drill")
threading.Thread(target=write, daemon=True).start()
for step in range(3000):
    run.log({"step": step})
    time.sleep(0.05)

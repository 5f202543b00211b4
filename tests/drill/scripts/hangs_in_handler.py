"""Marks, and then never comes out of its handler, as one that waits for a lock that the training loop holds."""

import signal
import threading
import time

import wandb

lock = threading.Lock()


def handler(signum, frame):
    run.mark_preempting()
    lock.acquire()


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="drill")
with lock:
    for step in range(3000):
        run.log({"step": step})
        time.sleep(0.05)

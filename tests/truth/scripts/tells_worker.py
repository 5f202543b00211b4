"""A training with a forked worker, which are told to go one after the other; the argument says who is told first."""

import os
import signal
import sys
import time

import wandb


def handler(signum, frame):
    if wandb.run is not None:
        wandb.run.mark_preempting()
        wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handler)
run = wandb.init(project="worker")
run.log({"step": 0})
worker_ready, ready = os.pipe()
training_gone, gone = os.pipe()
worker = os.fork()
if worker == 0:
    os.close(gone)
    os.write(ready, b"1")  # a signal that comes earlier is lost in the fork
    if sys.argv[1] == "training":
        os.read(training_gone, 1)  # the pipe ends with the training
        os.kill(os.getpid(), signal.SIGTERM)
    while True:
        time.sleep(0.05)
os.read(worker_ready, 1)
if sys.argv[1] == "worker":
    os.kill(worker, signal.SIGTERM)
    os.waitpid(worker, 0)
    print("the worker is gone", flush=True)
    run.log({"step": 1})
os.kill(os.getpid(), signal.SIGTERM)

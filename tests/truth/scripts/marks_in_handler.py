"""A trainer of the second column: its handler marks and exits non-zero. Its argument says how it ends."""

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


for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(signum, handler)

run = wandb.init(project="contract")
if sys.argv[1] == "waits":
    for step in range(600):
        run.log({"step": step})
        time.sleep(0.05)
run.log({"step": 0})
if sys.argv[1] == "fails":
    raise ValueError("a bug")

"""A trainer of the third column: it marks right after init. Its argument says how it ends."""

import sys
import time

import wandb

run = wandb.init(project="contract")
run.mark_preempting()
if sys.argv[1] == "waits":
    for step in range(600):
        run.log({"step": step})
        time.sleep(0.05)
run.log({"step": 0})
if sys.argv[1] == "fails":
    raise ValueError("a bug")

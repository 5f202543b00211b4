"""Leaves a daemon behind that does all it can to get away: two forks, a session of its own, an empty environment."""

import os
import sys
import time

import wandb

run = wandb.init(project="drill")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", *sys.argv[1:]], {})
    os._exit(0)
for step in range(3000):
    run.log({"step": step})
    time.sleep(0.05)

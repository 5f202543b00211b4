"""Runs its arguments as process 1 of a PID namespace; ends them as docker does: SIGTERM to process 1, then SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = float(os.environ.get("CONTAINER_GRACE", "4"))

unshare = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
container = subprocess.Popen([*unshare, *sys.argv[1:]])
deadline = float("inf")


def stop(signum, frame):
    global deadline
    signal.signal(signum, signal.SIG_IGN)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    os.kill(int(children[0]), signum)
    deadline = time.monotonic() + GRACE


for signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(signum, stop)
while container.poll() is None and time.monotonic() < deadline:
    time.sleep(0.05)
container.kill()  # the namespace ends with its process 1, and that with unshare
sys.exit(container.wait() & 0xFF)

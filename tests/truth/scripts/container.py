"""Runs its arguments as process 1 of a PID namespace; ends them as docker does: SIGTERM to process 1, then SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = 6.0

unshare = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
container = subprocess.Popen([*unshare, *sys.argv[1:]])


def stop(signum, frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while container.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    container.kill()  # the namespace ends with its process 1, and that with unshare
    sys.exit(container.wait() & 0xFF)


signal.signal(signal.SIGTERM, stop)
sys.exit(container.wait())

"""Starts a sweep agent and tells it of every SIGUSR1."""

import signal
import subprocess
import sys

AGENT = [
    "nice",
    "wandb",
    "agent",
]
process = subprocess.Popen([*AGENT, "drill/drill/sweep1"])
signal.signal(signal.SIGUSR1, lambda signum, frame: process.terminate())
sys.exit(process.wait())

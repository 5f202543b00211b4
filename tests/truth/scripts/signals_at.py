"""Runs a command and sends it a signal as soon as it has printed a text: ``signals_at.py SIGTERM TEXT COMMAND …``."""

import os
import signal
import subprocess
import sys

name, text, *command = sys.argv[1:]
process = subprocess.Popen(command, stdout=subprocess.PIPE)
signalled = False
for line in process.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.flush()
    if text.encode() in line and not signalled:
        signalled = True
        process.send_signal(signal.Signals[name])
status = process.wait()
if status < 0:  # leave as it has left
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)

"""Writes a job script for a sweep, and becomes it."""

import os

sweep = "drill/drill/sweep1"
with open("job.sh", "w") as job:
    job.write("#!/bin/bash\n")
    job.write(f"exec wandb agent {sweep}\n")
os.execlp("bash", "bash", "job.sh")

"""Becomes a sweep agent."""

import os

SWEEP = "drill/drill/sweep1"
os.execvp("wandb", ["wandb", "agent", "--count", "3", SWEEP])

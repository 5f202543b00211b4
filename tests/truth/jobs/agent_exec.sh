#!/bin/bash
#SBATCH --signal=TERM@120
export PYTHONUNBUFFERED=1
exec wandb agent drill/drill/sweep1  # one run after another

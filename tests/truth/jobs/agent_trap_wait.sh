#!/bin/bash
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
SWEEP="drill/drill/sweep1"

wandb agent \
    --count 3 \
    "$SWEEP" &
AGENT=$!
trap 'kill -TERM "$AGENT"' USR1 TERM
wait "$AGENT"
wait "$AGENT"

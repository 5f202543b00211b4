"""Has nothing to do with W&B."""

print("trained without a run")

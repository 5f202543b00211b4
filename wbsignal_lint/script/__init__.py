"""What a Python training script does: gate, names, facts, reader, outcomes."""

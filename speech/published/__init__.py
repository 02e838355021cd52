"""Published checkpoints of speech models: read from tensors alone, written as weight files."""

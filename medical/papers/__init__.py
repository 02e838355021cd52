"""Papers on MRI and CT that can be repeated: see `undrift reproduce list`."""

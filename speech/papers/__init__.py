"""Papers on speech enhancement that can be repeated: see `undrift reproduce list`."""

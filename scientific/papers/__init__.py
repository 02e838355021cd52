"""Papers on cubes and fields that can be repeated: see `undrift reproduce list`."""

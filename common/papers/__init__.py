"""Papers on the core itself, described for `undrift reproduce`."""

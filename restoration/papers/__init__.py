"""Papers on restored pictures, described for `undrift reproduce`."""

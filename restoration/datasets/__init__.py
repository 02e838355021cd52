"""Data sets of pictures that others publish: got from archives, and read in their own layout."""

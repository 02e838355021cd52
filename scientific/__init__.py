"""Hyperspectral cubes and atmospheric fields; see docs/scientific.md for what is there so far."""

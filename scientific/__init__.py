"""Hyperspectral cubes and atmospheric fields: reserved; this version has none."""

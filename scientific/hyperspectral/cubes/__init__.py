"""Hyperspectral cubes from and to files, with what the files say of them."""

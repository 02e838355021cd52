"""Geophysical turbulence on a doubly periodic square, for training and for tests with a truth.

Three flows: `Barotropic`, `SurfaceQG` and `TwoLayer`; a `Run` steps one of them in time.
"""

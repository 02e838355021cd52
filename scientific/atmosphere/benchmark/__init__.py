"""Downscaling measured on simulated states no training saw, beside what users pick otherwise."""

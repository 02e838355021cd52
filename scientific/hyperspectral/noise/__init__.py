"""Noise of hyperspectral sensors: the five cases of the literature, pushbroom sensors, photons."""

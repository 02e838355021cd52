"""Hyperspectral cubes: scenes and sensors in numbers, noise and scores; the denoiser follows."""

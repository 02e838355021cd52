"""Photographs and other pictures: super-resolution, denoising, baselines and benchmarks."""

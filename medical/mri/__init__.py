"""MRI: masks, forward models, coils, baselines, posterior sampling, and choosing what to measure.

Axes of k-space are (coils, readout, phase) for a slice and (coils, readout, phase, partition) in
3-D; images have the same axes without the coils.
"""

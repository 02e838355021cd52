"""How well fields match what was observed: spectra, neighbourhoods, weights of the sphere.

Scores of ensembles, CRPS and others, are those of `undrift.common.metrics.ensembles`.
"""

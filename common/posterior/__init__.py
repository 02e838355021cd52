"""Conditional denoisers and samplers: a trained prior, a forward operator, and a measurement."""

"""Simulated scenes: made-up materials, mixed in a landscape, as a sensor sees them.

Everything here is synthetic and says so; none of it is an observation.
"""

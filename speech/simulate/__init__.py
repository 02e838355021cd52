"""Simulated recordings: noises, rooms and mixtures whose every number is recorded."""

"""Volumes drawn of a model alone: own priors, medforj-style networks, MAISI-style latent flows."""

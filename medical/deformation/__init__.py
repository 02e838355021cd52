"""Deformations of volumes: random diffeomorphisms, and the deformation recovery diffusion model."""

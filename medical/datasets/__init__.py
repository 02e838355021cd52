"""Volumes and k-space that lie on disc or in packages, by their data card."""

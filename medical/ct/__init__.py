"""Computed tomography from its sinograms: geometry, files, old methods and posterior sampling."""

"""Weights: safetensors files that carry the whole setting in their header."""

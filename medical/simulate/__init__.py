"""Simulated patients and scanners: phantoms, and what a scanner makes of them."""

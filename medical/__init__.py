"""MRI and CT volumes: reserved for the medical tasks; this version has none."""

"""Scores of restored signals against their references, and summaries of many scores."""

"""Data cards: one Markdown file for each data set, with the facts machines need on top."""

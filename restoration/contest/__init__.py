"""A contest of processes on one's own pairs: equal networks, equal batches, held-out pictures."""

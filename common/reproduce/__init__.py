"""Papers repeated: what was published, what of it can be measured here, and by which protocol."""

"""Training by recipe: one YAML file says all, `session.open_session(recipe).train()` does it."""

"""Training by recipe: one YAML file says everything, `train(recipe, folder)` does it."""

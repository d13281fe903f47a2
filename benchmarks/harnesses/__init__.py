"""Tasks of other evaluation harnesses, which run by themselves and ask a model: ours is that."""

"""What is said between agent and model: the prompts, and how much of a dialogue is shown.

Below both, so that the seed backbone is trained on the very words that any model reads.
"""

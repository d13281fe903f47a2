"""The seed backbone: the small model that ships with agentevo, and how it is made."""

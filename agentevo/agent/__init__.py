"""The agent: one episode as a state machine, and many of them at once."""

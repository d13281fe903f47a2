"""BFCL multi-turn: conversations in which a user's requests are fulfilled by calling functions."""

"""Phase 4: held-out, paired evaluation, and the gate that all that is new must pass."""

"""Phase 3, updating: what was refined goes into the memory and into the weights."""

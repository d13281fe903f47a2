"""Phase 2, experience refinement: what is kept of the experience, and the lessons in it."""

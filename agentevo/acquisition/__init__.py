"""Phase 1, experience acquisition: tasks are chosen and played."""

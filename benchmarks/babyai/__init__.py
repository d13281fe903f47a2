"""BabyAI's missions in a grid world, told in words (Chevalier-Boisvert et al., 2019)."""

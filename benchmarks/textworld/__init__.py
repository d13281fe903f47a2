"""TextWorld's generated text games as benchmarks (Côté et al., 2018, arXiv:1806.11532)."""

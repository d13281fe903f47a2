"""ALFWorld's household games as benchmarks (Shridhar et al., 2021, arXiv:2010.03768)."""

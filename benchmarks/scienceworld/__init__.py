"""ScienceWorld's simulated experiments as a benchmark (Wang et al., 2022, arXiv:2203.07540)."""

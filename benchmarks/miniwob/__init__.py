"""MiniWoB++, small web tasks in a real browser (Liu et al., 2018, arXiv:1802.08802)."""

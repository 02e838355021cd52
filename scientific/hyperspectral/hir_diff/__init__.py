"""HIR-Diff (Pang et al., CVPR 2024) as published: bands by RRQR, a guided chain, its schedule."""

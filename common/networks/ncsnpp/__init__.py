"""NCSN++ (Song et al. 2021) as the published speech models use it, under their names of tensors."""

"""Series of sensors: gaps filled as ensembles, and anomalies, by a small model of their own.

In the manner of ImDiffusion (Chen et al. 2023) and CSDI (Tashiro et al. 2021).
"""

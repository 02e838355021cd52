"""Noise removed without clean pictures: networks trained on the noisy ones, and one picture alone.

`blind-spot` trains on the user's own files (`denoiser`, losses of C-BSN and SDAP); `score-vi` fits
one picture together with a map of its noise (`score_vi`).
"""

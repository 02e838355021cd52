"""C-BSN, a blind-spot network whose eye is opened at the end (Jang et al., ICCV 2023)."""

from undrift.common.reproduce.paper import Paper
from undrift.restoration.papers.self_supervised_parts import (
    DND,
    LONG,
    PAIR,
    SIDD,
    SMOKE,
    published,
    smoke,
)

PAPER = Paper(
    id="c-bsn",
    title="Self-supervised Image Denoising with Downsampled Invariance Loss and Conditional "
    "Blind-Spot Network",
    domain="restoration",
    citation="cbsn",
    claim="one network, masked and unmasked, learns from noisy photographs alone and restores the "
    "whole picture in one pass, without a checkerboard",
    protocol="DBSN-light of 128 channels and 9 modules a branch; Adam 1e-4, halved every 100 000 "
    "of 500 000 steps; batches of 4 crops of 120 pixels of SIDD Medium, each normalised by itself; "
    "stride 5, the open terms whole after 200 000 steps; open inference on the whole picture. "
    "Recipe: own-noisy-folder; data: cards sidd and dnd. The smoke run: 240 steps of a network of "
    "12 channels with stride 2 on 8 synthetic pictures, whose noise is correlated.",
    measure="undrift.restoration.papers.blind_spot_smoke:c_bsn",
    trains=True,
    tables=[
        published([SIDD, DND, LONG]),
        smoke([(*PAIR, 5.0, 0.6, "near")], 1.2, SMOKE),
    ],
)

"""SDAP, random sub-samples of noisy photographs (Pan et al., ICCV 2023)."""

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
    id="sdap",
    title="Random Sub-Samples Generation for Self-Supervised Real Image Denoising",
    domain="restoration",
    citation="sdap",
    claim="dealing the pixels of each cell at random to sub-pictures breaks the correlation of "
    "real noise, and their cyclic differences train a blind-spot network",
    protocol="DBSN-light of 128 channels and 9 modules a branch; Adam 1e-4, batches of 16 crops of "
    "160 pixels of SIDD Medium, 50 passes; cells of 5 x 5; blind inference on every second pixel, "
    "(E) a second pass on the whole result. Recipe: own-noisy-folder with data.method=sdap, "
    "network.params.blind=true, stride=2, again=true; data: cards sidd and dnd. The smoke run: 240 "
    "steps of a network of 12 channels with cells of 2 x 2 on 8 synthetic pictures, one pass.",
    measure="undrift.restoration.papers.blind_spot_smoke:sdap",
    trains=True,
    tables=[
        published([SIDD, DND, LONG]),
        smoke([(*PAIR, 4.4, 0.7, "near")], 1.15, SMOKE),
    ],
)

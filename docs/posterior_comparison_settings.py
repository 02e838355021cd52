"""What was settled before a test photograph was scored in `docs/posterior_comparison.py`.

deepinv's free settings were chosen by `--tune` on two crops of the validation photographs, for each
operator and number of calls the set with the highest mean PSNR: at 20 calls out of all, at 100 out
of the two that were best at 20; 10 calls use what 20 chose. Ours has nothing to choose: the front
door gets the measurement, the operator and the noise.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

MODEL = "leaves-prior"
CARD, TUNING_CARD = "skimage-photos", "wheel-photos"
PHOTOS = (  # all of the card but its two scans of text
    "astronaut", "coffee", "chelsea", "camera", "rocket", "motorcycle_left", "hubble_deep_field",
    "ihc", "retina", "moon", "gravel", "brick",
)  # fmt: skip
TUNING_PHOTOS = ("china", "grace_hopper")
SIDE, SIGMA = 128, 0.02
CALLS, TUNED_AT, SURVIVORS = (10, 20, 100), (20, 100), 2
OURS = "undrift, default"
RIVAL = "deepinv"

Options = dict[str, Any]
VP, VE = {"sde": "vp"}, {"sde": "ve"}
ROUTES: list[Options] = [  # what deepinv runs a guidance term with; alpha: noise of Euler and Heun
    {**VP, "solver": "ddpm"}, {**VP, "solver": "ddim"}, {**VP, "solver": "euler", "alpha": 1.0},
    {**VE, "solver": "ddim"}, {**VE, "solver": "heun", "alpha": 0.0},
]  # fmt: skip
DPS_DEFAULT = {**VP, "solver": "ddpm", "weight": 1.0, "clip": (-1.0, 1.0)}


@dataclass(frozen=True)
class Method:
    """library: whose. kind: its name there. calls: budgets. options: fixed ones.

    grid: what was tried for the free ones, the first is deepinv's own default; empty: none.
    operators: names, if not all.
    """

    library: str
    kind: str
    calls: tuple[int, ...] = CALLS
    options: Options = field(default_factory=dict)
    grid: tuple[Options, ...] = ()
    operators: tuple[str, ...] = ()


def _weights() -> tuple[Options, ...]:
    weights = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
    return tuple({**DPS_DEFAULT, "weight": w} for w in weights)


def _diffpir() -> tuple[Options, ...]:
    pairs = [*product((7.0, 1.0, 3.0, 20.0), (0.1, 0.4)), *product((7.0, 3.0, 20.0, 1.0), (0.8,)),
             (7.0, 1.0), (3.0, 1.0), (1.0, 1.0)]  # fmt: skip
    return tuple({"lambda_": w, "zeta": z} for w, z in pairs)


def _ddrm() -> tuple[Options, ...]:
    pairs = [*product((0.85, 0.5, 1.0), (1.0, 0.5)), (0.7, 1.0), (0.3, 1.0)]
    return tuple({"eta": eta, "etab": etab} for eta, etab in pairs)


METHODS: dict[str, Method] = {
    OURS: Method("undrift", "auto"),
    "undrift, moment matching": Method("undrift", "moment-matching", (10, 20)),
    "undrift, PiGDM": Method("undrift", "pigdm", (10, 20)),
    "deepinv, DPS as it comes": Method(RIVAL, "dps", options=DPS_DEFAULT),
    "deepinv, DPS": Method(RIVAL, "dps", grid=_weights()),
    "deepinv, PiGDM": Method(RIVAL, "pigdm", grid=tuple(ROUTES)),
    "deepinv, moment matching": Method(RIVAL, "moment-matching", grid=tuple(ROUTES)),
    "deepinv, DiffPIR": Method(RIVAL, "diffpir", grid=_diffpir()),
    "deepinv, DDRM": Method(
        RIVAL, "ddrm", grid=_ddrm(),
        operators=("gaussian blur", "motion blur", "inpainting 70 %"),  # those with an SVD there
    ),
    "deepinv, DPIR": Method(RIVAL, "dpir", (8,)),
}  # fmt: skip

# What is dear, or known from validation to be far off, is run last: a stopped run has the rest.
LAST = (
    ("deepinv, PiGDM", 100), ("deepinv, DPS", 100), ("deepinv, DPS as it comes", 100),
    ("deepinv, moment matching", 100), ("undrift, PiGDM", 10), ("undrift, PiGDM", 20),
)  # fmt: skip
EARLY = ("deepinv, moment matching", "inpainting 70 %")  # leads there among chi near 1

# (method, calls) -> for each operator the place in the method's grid.
CHOSEN: dict[tuple[str, int], dict[str, int]] = {
    ("deepinv, DPS", 20): {
        "gaussian blur": 4,
        "motion blur": 4,
        "inpainting 70 %": 5,
        "downsampling x4": 5,
    },
    ("deepinv, PiGDM", 20): {
        "gaussian blur": 0,
        "motion blur": 0,
        "inpainting 70 %": 0,
        "downsampling x4": 0,
    },
    ("deepinv, moment matching", 20): {
        "gaussian blur": 1,
        "motion blur": 1,
        "inpainting 70 %": 0,
        "downsampling x4": 0,
    },
    ("deepinv, DiffPIR", 20): {
        "gaussian blur": 13,
        "motion blur": 13,
        "inpainting 70 %": 14,
        "downsampling x4": 14,
    },
    ("deepinv, DDRM", 20): {"gaussian blur": 6, "motion blur": 7, "inpainting 70 %": 4},
    ("deepinv, DPS", 100): {
        "gaussian blur": 5,
        "motion blur": 4,
        "inpainting 70 %": 5,
        "downsampling x4": 5,
    },
    ("deepinv, PiGDM", 100): {
        "gaussian blur": 0,
        "motion blur": 0,
        "inpainting 70 %": 0,
        "downsampling x4": 0,
    },
    ("deepinv, moment matching", 100): {
        "gaussian blur": 1,
        "motion blur": 0,
        "inpainting 70 %": 0,
        "downsampling x4": 0,
    },
    ("deepinv, DiffPIR", 100): {
        "gaussian blur": 13,
        "motion blur": 9,
        "inpainting 70 %": 14,
        "downsampling x4": 14,
    },
    ("deepinv, DDRM", 100): {"gaussian blur": 6, "motion blur": 0, "inpainting 70 %": 4},
}


def options_of(name: str, calls: int, operator: str) -> Options:
    """The settings of one run; what was not tuned is deepinv's default."""
    method = METHODS[name]
    if not method.grid:
        return dict(method.options)
    place = CHOSEN.get((name, max(calls, TUNED_AT[0])), {}).get(operator, 0)
    return dict(method.grid[place])

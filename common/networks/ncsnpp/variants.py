"""The published networks by the names their authors give them, as settings of `NCSNpp`.

SGMSE, SGMSE+, BBED: "ncsnpp"; the revision for bridges and other losses "ncsnpp_v2"; 48 kHz
"ncsnpp_48k" (sp-uhh/sgmse ae690e8). StoRM has other networks under the same name (sp-uhh/storm
257e963), here "storm/ncsnpp" and so on: six channels where the score sees state, noisy signal and
estimate, four with one condition; "denoiser" gives the estimate.

| name | parameters | tensors |
|---|---|---|
| ncsnpp, ncsnpp_v2 | 65 590 822 | 647 |
| ncsnpp_48k | 64 739 854 | 581 |
| storm/ncsnpp, 6 or 4 channels | 27 776 038, 27 756 314 | 271 |
| storm/ncsnpp, denoiser | 27 342 350 | 267 |
| storm/ncsnpplarge, 6 channels | 65 623 352 | 647 |
| storm/ncsnpp12M, storm/ncsnpp6M, 6 channels | 11 688 614, 5 225 990 | 273, 269 |
"""

from undrift.common.errors import InputError, nearest
from undrift.common.networks.ncsnpp.network import NCSNpp

_STORM: dict[str, object] = {
    "channels": 6,
    "multipliers": (1, 2, 2, 2),
    "depth": 1,
    "attention": (),
    "division": "before",
    "centred": False,
}
VARIANTS: dict[str, dict[str, object]] = {
    "ncsnpp": {"division": "before"},
    "ncsnpp_v2": {},
    "ncsnpp_48k": {"attention": (), "pyramids": False, "division": "after"},
    "storm/ncsnpp": _STORM,
    "storm/ncsnpplarge": {"channels": 6, "division": "before", "centred": False},
    "storm/ncsnpp12M": {**_STORM, "width": 96, "multipliers": (1, 2, 2, 1)},
    "storm/ncsnpp6M": {**_STORM, "width": 96, "multipliers": (1, 1, 1, 1)},
}
DENOISER: dict[str, object] = {"channels": 2, "timed": False, "division": "none"}


def settings_of(name: str, **changes: object) -> dict[str, object]:
    """Settings of `NCSNpp` for a published network; raises InputError for an unknown name."""
    if name not in VARIANTS:
        raise InputError(
            f"backbone {name!r} is not one of {', '.join(VARIANTS)}{nearest(name, VARIANTS)}"
        )
    return {**VARIANTS[name], **changes}


def build_ncsnpp(**settings: object) -> NCSNpp:
    """The network of settings that may come from JSON; raises InputError for one it lacks."""
    try:
        return NCSNpp(**settings)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(f"NCSN++: {error}") from error

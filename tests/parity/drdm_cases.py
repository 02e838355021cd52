"""DRDM: random fields from a control velocity, warps, compositions and losses of its program."""

import functools
from collections.abc import Iterator

from parity.case import Case, load, tensor, worst
from torch import Tensor

from undrift.medical.deformation.drdm import recovery_losses, upscaled
from undrift.medical.deformation.fields import compose, power, pull

SIDE = 64
SOURCE = "DRDM 1c70370 diffuser.py"


def _field(key: str) -> Tensor:
    """Stored fields are in units of the side, ours in voxels."""
    return SIDE * tensor(load("drdm")[key])


def _integrated(key: str, count: int) -> float:
    """The control velocity composed `count` times, then brought to the image's grid."""
    control = power(_field("drdm_dvf_ctl64"), count) / SIDE
    return worst(upscaled(control, SIDE), load("drdm")[key])


def _warped() -> float:
    image = tensor(load("drdm")["drdm_img"])
    return worst(pull(image, _field("drdm_ddf64")), load("drdm")["drdm_warp"])


def _composed() -> float:
    both = compose(_field("drdm_ddf64"), _field("drdm_dddf64"))
    return worst(both / SIDE, load("drdm")["drdm_composite"])


def _loss(name: str) -> float:
    data = load("drdm")
    found = recovery_losses(tensor(data["drdm_pred"]), tensor(data["drdm_dddf64"]), as_coded=True)
    value, key = {
        "distance": (found.distance, "mrse"),
        "angle": (found.angle, "ncc"),
        "roughness": (found.roughness, "grad"),
    }[name]
    return abs(float(value) / float(data[f"drdm_loss_{key}"]) - 1)


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for key, count in (("drdm_ddf64", 12), ("drdm_dddf64", 4)):
        error = functools.partial(_integrated, key, count)
        yield Case(f"DRDM {count} compositions", SOURCE, 2e-7, error)
    yield Case("DRDM warp", "DRDM 1c70370 networks.py", 2e-6, _warped)
    yield Case("DRDM composition", "DRDM 1c70370 networks.py", 1e-7, _composed)
    for name in ("distance", "angle", "roughness"):
        yield Case(f"DRDM {name}", "DRDM 1c70370 losses.py", 1e-5, functools.partial(_loss, name))

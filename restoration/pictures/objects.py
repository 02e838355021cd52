"""Anything a user may hold in memory, to a `Picture` and back to the same kind.

NumPy arrays follow scikit-image: (h, w), (h, w, 1), (h, w, 3), or with alpha last (h, w, 2),
(h, w, 4). Tensors follow torch: (h, w) or (c, h, w). uint8 and uint16 span their whole range;
floats are in [0, 1] (noise may leave it). Nothing is guessed: numbers that look like 0..255 in
a float array are refused.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import pillow_files, values
from undrift.restoration.pictures.files import read_picture
from undrift.restoration.pictures.picture import Picture

SLACK = (-4.0, 5.0)  # floats of a very noisy picture in [0, 1] stay inside
_KINDS = ("bool", "uint8", "uint16", "float16", "float32", "float64")
Back = Callable[..., Any]


def to_pixels(obj: Any) -> tuple[Picture, Back]:
    """(picture, back) of a path, Picture, NumPy array, torch tensor or PIL image.

    `back(pixels, alpha=None)` turns restored pixels (c, h, w) and, where the size changed and
    there is alpha, resized alpha (h, w) into the kind that came: an array of the same type and
    axes, a tensor of the same type on the same device, a PIL image of the same mode with its
    info, a Picture for a path. Pixels with other channels than came keep their channels.

    Raises InputError for other objects, shapes, types, value ranges, NaN.
    """
    if isinstance(obj, Picture):
        return obj, obj.with_pixels
    if isinstance(obj, str | Path):
        picture = read_picture(obj)
        return picture, picture.with_pixels
    if isinstance(obj, np.ndarray):
        return _from_array(obj)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(obj, torch.Tensor):
        return _from_tensor(obj)
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(obj, pillow.Image):
        return _from_image(obj)
    raise InputError(
        f"cannot take a {type(obj).__name__}; expected a path, a NumPy array (h, w[, c]), a torch "
        "tensor (c, h, w) or a PIL image"
    )


def _from_array(array: np.ndarray) -> tuple[Picture, Back]:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        hint = "pictures come one at a time"
        if array.ndim == 3 and array.shape[0] in (1, 2, 3, 4):
            hint = "channels come last: numpy.moveaxis(x, 0, -1)"
        raise InputError(
            f"expected an array (h, w), (h, w, 3) or, with alpha, (h, w, 4) but got {array.shape}; "
            f"{hint}"
        )
    flat = array.ndim == 2
    planes = array[None] if flat else array.transpose(2, 0, 1)
    picture = _picture(planes, "array")

    def back(pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
        new = picture.with_pixels(pixels, alpha)
        out = values.stored(new.pixels, new.alpha, new.depth, new.value_range)
        out = out.astype(array.dtype, copy=False)  # its byte order too
        return out[..., None] if out.ndim == 2 and not flat else out

    return picture, back


def _from_tensor(tensor: Any) -> tuple[Picture, Back]:
    import torch

    shape = tuple(tensor.shape)
    if tensor.ndim not in (2, 3) or (tensor.ndim == 3 and shape[0] not in (1, 2, 3, 4)):
        hint = "pictures come one at a time: call this for each x[i]"
        if tensor.ndim == 3 and shape[2] in (1, 2, 3, 4):
            hint = "channels come first: x.permute(2, 0, 1)"
        raise InputError(f"expected a tensor (h, w) or (c, h, w) but got {shape}; {hint}")
    flat, kind, device = tensor.ndim == 2, tensor.dtype, tensor.device
    plain = tensor.detach().cpu()
    if kind == torch.bfloat16:
        plain = plain.float()
    array = plain.numpy()
    picture = _picture(array[None] if flat else array, "tensor")

    def back(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Any:
        new = picture.with_pixels(pixels, alpha)
        out = values.stored(new.pixels, new.alpha, new.depth, new.value_range)
        planes = out[None] if out.ndim == 2 else np.ascontiguousarray(out.transpose(2, 0, 1))
        if flat and len(planes) == 1:
            planes = planes[0]
        return torch.from_numpy(planes).to(device=device, dtype=kind)

    return picture, back


def _from_image(image: Any) -> tuple[Picture, Back]:
    from PIL import Image

    if image.mode in ("F", "I"):
        picture = _picture(np.asarray(image)[None], "PIL image")
    else:
        picture = pillow_files.from_pillow(image, image.format or "array")

    def back(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Any:
        new = picture.with_pixels(pixels, alpha)
        depth = "uint8" if new.depth == "bool" and new.mode != "L" else new.depth
        out = Image.fromarray(values.stored(new.pixels, new.alpha, depth, new.value_range))
        out.info = {key: value for key, value in image.info.items() if key != "transparency"}
        if new.metadata.icc is None:
            out.info.pop("icc_profile", None)
        else:
            out.info["icc_profile"] = new.metadata.icc
        if "exif" in out.info and new.metadata.exif:
            out.info["exif"] = b"Exif\0\0" + new.metadata.exif  # it is upright now
        return out

    return picture, back


def _picture(planes: np.ndarray, what: str) -> Picture:
    """(c, h, w) with alpha last where c is 2 or 4 -> Picture."""
    if planes.dtype.name not in _KINDS:
        raise InputError(
            f"cannot tell the value range of {planes.dtype} in the {what}; convert it to uint8 "
            "(0..255), uint16 (0..65535) or float32 (0..1)"
        )
    if planes.size == 0:
        raise InputError(f"the {what} is empty: shape {planes.shape}")
    if planes.dtype.kind == "f":
        values.check_finite(planes.transpose(1, 2, 0), f"the {what}")
        low, high = float(planes.min()), float(planes.max())
        if low < SLACK[0] or high > SLACK[1]:
            raise InputError(
                f"the {what} holds {planes.dtype} from {low:g} to {high:g}; expected 0 to 1: "
                "divide by the value of white, e.g. x / 255, or convert to uint8 or uint16"
            )
        unit = planes.astype(np.float32)
    else:
        unit, _ = values.to_unit(planes)
    split = 1 if len(unit) < 3 else 3
    alpha = np.clip(unit[split], 0.0, 1.0) if len(unit) > split else None
    return Picture(np.ascontiguousarray(unit[:split]), alpha, planes.dtype.name)

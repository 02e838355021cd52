"""What `undrift.solve` is given, checked and brought to one form."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.description import ForwardModel, read_forward_model
from undrift.common.operators.functions import FromFunctions
from undrift.common.operators.noise_models import Gaussian, NoiseModel
from undrift.common.operators.operator import Operator, require_finite

_FACTORS = range(1, 17)  # of the sizes of signal and measurement, where no shape is stated


@dataclass(frozen=True, eq=False)
class Given:
    """A measurement as a tensor; back: (tensor) -> the kind that came; item: the name of a file."""

    y: Tensor
    back: Callable[[Tensor], Any]
    item: str = ""


def read_measurement(given: Any) -> Given:
    """An array, a tensor, or a file (.npy, .npz, PNG, TIFF, JPEG, see `solve_files`).

    Raises InputError for other objects, numbers without a value range, NaN.
    """
    if isinstance(given, str | Path):
        from undrift.common.solve_files import read_signal

        signal = read_signal(Path(given))
        return Given(torch.from_numpy(signal.values), lambda x: x.cpu().numpy(), Path(given).name)
    if isinstance(given, Tensor):
        device, real = given.device, _real(given.dtype)
        return Given(
            _numbers(given), lambda x: x.to(device, real.to_complex() if x.is_complex() else real)
        )
    if isinstance(given, np.ndarray):
        tensor = _numbers(torch.from_numpy(np.ascontiguousarray(given)))
        return Given(tensor, lambda x: x.cpu().numpy())
    raise InputError(
        f"cannot take a measurement of type {type(given).__name__}; expected a path, a NumPy array "
        "or a torch tensor, shaped as the operator's output"
    )


def _numbers(y: Tensor) -> Tensor:
    if not (y.is_floating_point() or y.is_complex()):
        raise InputError(
            f"got a measurement of {y.dtype}; expected floats in units of the signal; convert it, "
            "as in y / 255 for 8-bit pixels"
        )
    return require_finite(y.detach(), "the measurement y")


def _real(dtype: torch.dtype) -> torch.dtype:
    return dtype.to_real() if dtype.is_complex else dtype


def read_operator(given: Any, y: Tensor) -> ForwardModel:
    """An operator and perhaps its noise, from what `solve` takes for one.

    A description without a shape gets the one whose measurements are shaped like y. Two functions
    (A, AT) are tested to be each other's adjoint. Raises InputError.
    """
    if isinstance(given, Operator):
        return ForwardModel(given)
    if isinstance(given, ForwardModel):
        return given
    if isinstance(given, str | Path | Mapping):
        return _described(given, y)
    if isinstance(given, tuple) and len(given) == 2 and all(callable(f) for f in given):
        return ForwardModel(_of_functions(*given, y))
    raise InputError(
        f"cannot take an operator of type {type(given).__name__}; expected an Operator, a YAML "
        "file, a mapping such as {'operator': 'blur', ...}, or two functions (A, adjoint)"
    )


def _of_functions(forward: Callable, adjoint: Callable, y: Tensor) -> Operator:
    """Takes the shape of the signal from the adjoint of y, which has one batch axis."""
    back = adjoint(y[None])
    field_in = "complex" if back.is_complex() else "real"
    field_out = "complex" if y.is_complex() else "real"
    return FromFunctions(
        forward, adjoint, tuple(back.shape[1:]), tuple(y.shape), field_in, field_out,
        dtype=_real(y.dtype), device=y.device,
    )  # fmt: skip


def _described(given: Mapping[str, Any] | Path | str, y: Tensor) -> ForwardModel:
    if not isinstance(given, Mapping):
        from undrift.common.config import read_yaml

        stated = "shape" in read_yaml(Path(given))
    else:
        stated = "shape" in given
    if stated:
        return read_forward_model(given)
    try:
        found = read_forward_model(given, tuple(y.shape))
        if found.operator.shape_out == tuple(y.shape):
            return found
        error: InputError | None = None
    except InputError as problem:
        error = problem
    for shape in _candidates(tuple(y.shape)):
        try:
            found = read_forward_model(given, shape)
        except InputError:
            continue
        if found.operator.shape_out == tuple(y.shape):
            return found
    if error is not None:
        raise error
    raise InputError(
        f"no signal of up to 16 times the size gives a measurement of {tuple(y.shape)} with this "
        "operator; state its shape: [channels, height, width] in the description"
    )


def _candidates(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    channels = dict.fromkeys((shape[0], 3, 1))
    return [(c, *(n * f for n in shape[1:])) for c in channels for f in _FACTORS]


def read_noise(given: float | NoiseModel | None, described: NoiseModel | None) -> NoiseModel:
    """The noise of the call, else of the description. Raises UsageError if there is none, and
    InputError for a number that is no sigma."""
    if given is None:
        if described is None:
            raise UsageError(
                "no noise was given; pass noise=sigma in units of the measurement (0 for an exact "
                "one), a noise model, or state `noise:` in the operator's description"
            )
        return described
    if isinstance(given, NoiseModel):
        return given
    try:
        sigma = float(given)
    except (TypeError, ValueError):
        sigma = math.nan
    if not 0 <= sigma < math.inf or isinstance(given, bool):
        raise InputError(
            f"noise {given!r}: expected a standard deviation of 0 or more, in units of the "
            "measurement, or a noise model such as Gaussian(0.05)"
        )
    return Gaussian(sigma)

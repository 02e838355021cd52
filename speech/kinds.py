"""Kinds of sound a caller may have: a file, an array, a tensor, an `Audio`; and the same back.

Integers are of full scale 2^(bits - 1), unsigned bytes are centred at 128; floats have full scale 1
and may go beyond. A float type comes back as it came; integers are rounded, and clipped only if the
peaks were not limited before.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError, UsageError
from undrift.speech.audio import Audio, Samples
from undrift.speech.audio.sound import to_steps

MANY = 64  # more channels than this are a table of the wrong orientation
Back = Callable[[Audio], Any]


def to_audio(value: Any, rate: int | None) -> tuple[Audio, Back]:
    """Samples (channels, n) of an array or tensor (n,) or (channels, n), or of an `Audio`; the
    function makes an `Audio` into the kind that came.

    rate: of arrays and tensors. Raises InputError for other kinds, shapes and numbers that are not
    finite, UsageError where the rate is missing, or given for what has its own.
    """
    if isinstance(value, Audio):
        if rate not in (None, value.rate):
            raise UsageError(f"rate {rate}: the sound has its own, {value.rate}")
        _check(value.samples)
        return value, lambda audio: audio
    if not isinstance(value, np.ndarray | torch.Tensor):
        raise InputError(
            f"cannot take a {type(value).__name__}; expected a path, a NumPy array or torch tensor "
            "(n,) or (channels, n), or an Audio"
        )
    if rate is None:
        raise UsageError("samples without a rate; say rate=16000, or what it is")
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate < 1:
        raise UsageError(f"rate {rate!r}: expected a whole number of samples a second")
    array = _as_array(value) if isinstance(value, torch.Tensor) else value
    samples = _floats(array)
    _check(samples)
    return Audio(np.atleast_2d(samples), int(rate)), _back(value, array.dtype)


def is_path(value: Any) -> bool:
    """Whether a file is meant."""
    return isinstance(value, str | Path)


def _as_array(value: torch.Tensor) -> np.ndarray:
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


def _floats(array: np.ndarray) -> Samples:
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(f"expected samples (n,) or (channels, n), n >= 1, got {array.shape}")
    if array.ndim == 2 and array.shape[0] > max(MANY, array.shape[1]):
        raise InputError(
            f"{array.shape[0]} channels of {array.shape[1]} samples; expected (channels, n): "
            "transpose the array"
        )
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype == np.uint8:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    if array.dtype in (np.int8, np.int16, np.int32):
        return (array / 2.0 ** (8 * array.dtype.itemsize - 1)).astype(np.float32)
    raise InputError(
        f"cannot take samples of type {array.dtype}; expected floats, int16, int32 or uint8"
    )


def _check(samples: Samples) -> None:
    if not samples.shape[-1]:
        raise InputError("the sound holds no samples")
    if not np.isfinite(samples).all():
        place = np.argwhere(~np.isfinite(np.atleast_2d(samples)))[0]
        raise InputError(
            f"sample {place[1]} of channel {place[0]} is not a finite number; cut it out or set "
            "it to 0"
        )


def _back(value: Any, dtype: np.dtype) -> Back:
    def back(audio: Audio) -> Any:
        samples = audio.samples[0] if value.ndim == 1 else audio.samples
        numbers = _numbers(samples, dtype)
        if isinstance(value, torch.Tensor):
            return torch.from_numpy(numbers).to(value.device, value.dtype)
        return numbers

    return back


def _numbers(samples: Samples, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return samples.astype(dtype)
    steps = to_steps(samples, 8 * dtype.itemsize)
    return (steps + 128 if dtype == np.uint8 else steps).astype(dtype)

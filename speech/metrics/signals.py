"""What every score of sound does first: two signals of one shape, float64, finite."""

from collections.abc import Callable
from typing import Any

import numpy as np

from undrift.common.errors import InputError


def samples_of(signal: Any, name: str) -> np.ndarray:
    """`signal` (n,) or (channels, n), array or tensor, as float64 (channels, n).

    Raises InputError for another shape, no samples, and values that are not finite.
    """
    if hasattr(signal, "detach"):
        signal = signal.detach().cpu()
    array = np.asarray(signal, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}; expected (n,) or (channels, n), n > 0")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(f"{name} holds {bad} NaN or infinite samples; mend or cut them first")
    return array[None] if array.ndim == 1 else array


def pair(reference: Any, estimate: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (channels, n). Raises InputError as `samples_of`, and if shapes differ."""
    ref, est = samples_of(reference, "the reference"), samples_of(estimate, "the estimate")
    if ref.shape != est.shape:
        raise InputError(
            f"the reference has {_size(ref)}, the estimate {_size(est)}; "
            "cut both to the same length and channels, and align them first"
        )
    return ref, est


def per_channel(
    score: Callable[[np.ndarray, np.ndarray], float], reference: Any, estimate: Any
) -> float:
    """Mean over channels of `score(ref, est)` of (n,) signals."""
    ref, est = pair(reference, estimate)
    return float(np.mean([score(a, b) for a, b in zip(ref, est, strict=True)]))


def decibels(signal: float, noise: float) -> float:
    """10 lg(signal / noise): inf without noise, -inf without signal; for neither, inf."""
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def framed(signal: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Frames (count, length) of a signal (n,), as a view; those that fit whole."""
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]


def _size(signal: np.ndarray) -> str:
    return f"{signal.shape[0]} channels of {signal.shape[1]} samples"

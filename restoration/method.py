"""What a benchmark compares: a named restorer, behind one call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError


@dataclass(frozen=True)
class Method:
    """A named restorer: `method(y, sigma=..., scale=..., reference=..., item=...)`.

    `y` is (c, h, w) float32, c = 1 or 3, nominally in [0, 1]; the result is float32 (c, h', w').
    `sigma` is the noise's standard deviation in the unit of `y` (task "denoise"), `scale` the
    enlargement (task "sr"), `known` what the other tasks are told (`baselines_operators`).
    `reference`, the clean picture, is read by an `oracle` only.
    """

    name: str
    task: str
    restore: Callable[..., np.ndarray]
    about: str
    kind: str = "baseline"  # or "model", or "oracle"

    def __call__(
        self,
        y: np.ndarray,
        *,
        sigma: float | None = None,
        scale: float | None = None,
        known: Any = None,
        reference: np.ndarray | None = None,
        item: str = "",
    ) -> np.ndarray:
        """Restores `y`; raises InputError for a shape or a parameter the task cannot use."""
        if y.ndim != 3 or y.shape[0] not in (1, 3):
            raise InputError(f"{self.name} expects (c, h, w) with c = 1 or 3, got shape {y.shape}")
        value = {"denoise": sigma, "sr": scale}.get(self.task)
        wanted = {"denoise": "sigma", "sr": "scale"}.get(self.task)
        if wanted is None:
            value = known
        elif value is None or not value > 0:
            raise InputError(f"{self.name} needs a positive {wanted}, got {value}")
        options: dict[str, Any] = {"item": item} if self.kind == "model" else {}
        if self.kind == "oracle":
            if reference is None:
                raise InputError(f"{self.name} is an oracle: it needs the clean picture")
            options["reference"] = reference
        return np.asarray(self.restore(y, value, **options), dtype=np.float32)

"""Any geometry of the ASTRA toolbox as an operator: also cone beams and vectors, on its GPU code.

ASTRA (van Aarle et al. 2016) projects in float32. Its processor code has an exact adjoint (and
"linear" is the projector of `Radon`); that of its GPU code is only near, so solve with a tolerance
of 1e-3 there, and read `check_adjoint`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, require
from undrift.common.operators.foreign import foreign
from undrift.common.operators.linear import LinearOperator


class Astra(LinearOperator):
    """(c, *volume) -> (c, *projections), both shaped as ASTRA shapes them.

    projections, volume: what `astra.create_proj_geom` and `astra.create_vol_geom` return.
    projector: ASTRA's name of one; by default "cuda3d" for volumes and in the plane "cuda", or
    "linear" without a GPU. Needs the extra `ct`. Raises InputError if ASTRA refuses.
    """

    def __init__(
        self,
        projections: dict[str, Any],
        volume: dict[str, Any],
        channels: int = 1,
        projector: str | None = None,
    ):
        astra = require("astra")
        shape = tuple(int(n) for n in astra.geom_size(volume))
        if projector is None:
            flat = "cuda" if astra.use_cuda() else "linear"
            projector = "cuda3d" if len(shape) == 3 else flat
        try:
            identifier = astra.create_projector(projector, projections, volume)
        except Exception as error:  # ASTRA has its own kinds
            raise InputError(
                f"ASTRA cannot build its projector {projector!r} for {projections['type']!r}: "
                f"{error}; expected geometries that belong together, and a GPU for volumes"
            ) from error
        self.tomography = astra.OpTomo(identifier)
        out = tuple(int(n) for n in astra.geom_size(projections))
        super().__init__((channels, *shape), (channels, *out), "real", "real")

    def _forward(self, x: Tensor) -> Tensor:
        return foreign(x, self._project, self._spread)

    def _adjoint(self, v: Tensor) -> Tensor:
        return foreign(v, self._spread, self._project)

    def _project(self, x: Tensor) -> Tensor:
        return _each(self.tomography.FP, x, self.shape_out)

    def _spread(self, v: Tensor) -> Tensor:
        return _each(self.tomography.BP, v, self.shape_in)


def _each(function: Any, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One image after the other, through numpy."""
    images = x.flatten(0, 1).to("cpu", torch.float32).contiguous().numpy()
    found = np.stack([function(image) for image in images])
    return torch.from_numpy(found).reshape(-1, *shape).to(x)

"""Non-uniform Fourier: k-space samples anywhere, such as radial or spiral trajectories.

y(k_p) = sum_r x(r) e^(-i k_p . r) / sqrt(n), r counted from the centre n // 2: on the Cartesian
grid of frequencies these are the values of `Fourier`. Computed by finufft (Barnett et al. 2019),
type 2 forward and type 1 back, to a requested accuracy; on a GPU by its sister cufinufft.
"""

import math

import torch
from torch import Tensor

from undrift.common.errors import InputError, require
from undrift.common.operators.foreign import foreign
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes


class NonUniformFourier(LinearOperator):
    """Complex (c, *space) -> complex (c, p), or (coils, p) from one channel with `coils`.

    frequencies: (p, d) in radians per pixel, in [-pi, pi], the axes as those of space; d is 1 to
    3. coils: complex (coils, *space). accuracy: relative; by default 1e-6 in single and 1e-13 in
    double precision. Needs the extra `nufft` (and cufinufft for a GPU). Raises InputError.
    """

    def __init__(
        self,
        frequencies: Tensor,
        shape: tuple[int, ...],
        coils: Tensor | None = None,
        accuracy: float | None = None,
    ):
        shape = sizes(shape, self)
        d = len(shape) - 1
        if frequencies.ndim != 2 or frequencies.shape[1] != d or not 1 <= d <= 3:
            raise InputError(
                f"NonUniformFourier got frequencies of {tuple(frequencies.shape)} for signals of "
                f"{shape}; expected (points, {d}) in radians per pixel"
            )
        if float(frequencies.abs().max()) > math.pi * (1 + 1e-6):
            raise InputError(
                f"NonUniformFourier got frequencies up to {float(frequencies.abs().max()):g}; "
                "expected [-pi, pi], radians per pixel; multiply cycles per pixel by 2 pi"
            )
        if coils is not None and (shape[0] != 1 or tuple(coils.shape[1:]) != shape[1:]):
            raise InputError(
                f"NonUniformFourier got coils of {tuple(coils.shape)} for signals of {shape}; "
                "expected (coils, *space) and signals of (1, *space)"
            )
        require("finufft")
        self.frequencies = require_finite(frequencies, "frequencies of NonUniformFourier")
        self.coils = coils
        self.accuracy = accuracy
        channels = shape[0] if coils is None else len(coils)
        super().__init__(shape, (channels, len(frequencies)), "complex")

    def _forward(self, x: Tensor) -> Tensor:
        x = x if self.coils is None else self.coils * x
        return foreign(x, self._points, self._grid)

    def _adjoint(self, v: Tensor) -> Tensor:
        out = foreign(v, self._grid, self._points)
        return out if self.coils is None else (self.coils.conj() * out).sum(1, keepdim=True)

    def _points(self, x: Tensor) -> Tensor:
        return self._transformed(x, 2)

    def _grid(self, v: Tensor) -> Tensor:
        return self._transformed(v, 1)

    def _transformed(self, values: Tensor, kind: int) -> Tensor:
        """The bare transform of (b, c, ...): kind 2 to the points, kind 1 (its adjoint) back."""
        space = self.shape_in[1:]
        double = values.dtype == torch.complex128
        options = {"eps": self.accuracy or (1e-13 if double else 1e-6), "modeord": 0}
        many = values.shape[0] * values.shape[1]
        sign, out = (-1, (self.shape_out[1],)) if kind == 2 else (1, space)
        flat = values.resolve_conj().contiguous()
        flat = flat.reshape(many, *(space if kind == 2 else (-1,)))
        if values.device.type == "cuda":
            plan = require("cufinufft").Plan(
                kind, space, many, isign=sign, dtype="complex128" if double else "complex64",
                **options,
            )  # fmt: skip
            plan.setpts(*(self.frequencies[:, k].contiguous() for k in range(len(space))))
            found = plan.execute(flat)
        else:
            plan = require("finufft").Plan(
                kind, space, many, isign=sign, dtype="complex128" if double else "complex64",
                nthreads=torch.get_num_threads(), **options,
            )  # fmt: skip
            plan.setpts(*(self.frequencies[:, k].contiguous().numpy() for k in range(len(space))))
            found = torch.from_numpy(plan.execute(flat.numpy()))
        return found.reshape(*values.shape[:2], *out) / math.sqrt(math.prod(space))

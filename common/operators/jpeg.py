"""JPEG as an operator: the values a decoder shows, with a straight-through gradient.

Baseline JPEG (ITU-T T.81, Annexes A and K): YCbCr of BT.601, optional halving of the colour
planes, 8 x 8 cosine transform, division by the quality's table, rounding. Rounding has derivative
0 almost everywhere; the Jacobian here counts it as 1 (Bengio et al. 2013), which leaves the linear
map of the rest: nearly the identity, without what the halved colour loses.
"""

import math

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.operator import Operator, sizes

_LIGHT = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 "
    "62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 "
    "98 112 100 103 99"
)  # T.81 Table K.1
_COLOUR = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 "
    "99" + " 99" * 32
)  # T.81 Table K.2
_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)


class JPEG(Operator):
    """(1 or 3, h, w) -> the same, as decoded after compression at `quality` (1 to 100).

    low, high: the values of black and white, (0, 1) or (-1, 1). halve: 4:2:0 colour, as most files
    have; the decoder interpolates the halved planes. Values are not clipped. Raises InputError.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        quality: int,
        halve: bool = True,
        low: float = 0.0,
        high: float = 1.0,
    ):
        shape = sizes(shape, self)
        if len(shape) != 3 or shape[0] not in (1, 3) or not 1 <= quality <= 100 or not low < high:
            raise InputError(
                f"JPEG got signals of {shape}, quality={quality}, range {low:g} to {high:g}; "
                "expected (1 or 3, h, w), a quality in 1 ... 100 and low < high"
            )
        super().__init__(shape, shape, "real", "real")
        self.low, self.range, self.halve = low, high - low, halve and shape[0] == 3
        # The tables are whole numbers: floor((50 + table * scale) / 100), between 1 and 255.
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        names = [_LIGHT, _COLOUR, _COLOUR][: shape[0]]
        base = torch.tensor([[int(v) for v in text.split()] for text in names])
        table = ((base * scale + 50) // 100).clamp(1, 255)
        self.tables = table.reshape(-1, 8, 8).to(torch.float64)
        place = torch.arange(8, dtype=torch.float64)
        self.cosine = torch.cos(math.pi * (2 * place + 1) * place[:, None] / 16) / 2
        self.cosine[0] /= math.sqrt(2)
        self.to_ycc = torch.tensor(_TO_YCC, dtype=torch.float64)
        self.from_ycc = torch.linalg.inv(self.to_ycc)

    def _forward(self, x: Tensor) -> Tensor:
        planes = (x - self.low) * (255 / self.range)
        if self.shape_in[0] == 3:
            planes = torch.einsum("ij,bjhw->bihw", self.to_ycc, planes)
        planes = _rounded(planes)  # files hold 8-bit samples
        shift = planes.new_tensor([128.0, 0.0, 0.0][: self.shape_in[0]])[:, None, None]
        out = self._coded(planes - shift) + shift
        if self.shape_in[0] == 3:
            out = torch.einsum("ij,bjhw->bihw", self.from_ycc, out)
        return out * (self.range / 255) + self.low

    def _coded(self, planes: Tensor) -> Tensor:
        light = self._plane(planes[:, :1], self.tables[0])
        if planes.shape[1] == 1:
            return light
        colour = planes[:, 1:]
        if not self.halve:
            return torch.cat([light, self._plane(colour, self.tables[1])], 1)
        h, w = colour.shape[-2:]
        even = torch.nn.functional.pad(colour, (0, w % 2, 0, h % 2), mode="replicate")
        small = self._plane(torch.nn.functional.avg_pool2d(even, 2), self.tables[1])
        wide = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
        return torch.cat([light, wide[..., :h, :w]], 1)

    def _plane(self, x: Tensor, table: Tensor) -> Tensor:
        """Blockwise transform, rounding and back; the edge is repeated to whole blocks."""
        h, w = x.shape[-2:]
        whole = torch.nn.functional.pad(x, (0, -w % 8, 0, -h % 8), mode="replicate")
        blocks = whole.unfold(-2, 8, 8).unfold(-2, 8, 8)
        coded = self.cosine @ blocks @ self.cosine.mT / table
        back = self.cosine.mT @ (table * _rounded(coded)) @ self.cosine
        return back.transpose(-3, -2).reshape(whole.shape)[..., :h, :w]


def _rounded(x: Tensor) -> Tensor:
    return _Straight.apply(x)  # pyright: ignore[reportReturnType]


class _Straight(torch.autograd.Function):
    """round(x) with the derivative 1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[Tensor], output: Tensor) -> None:
        return None

    @staticmethod
    def backward(ctx: object, *grad_outputs: Tensor) -> Tensor:
        return grad_outputs[0]

    @staticmethod
    def jvp(ctx: object, *grad_inputs: Tensor) -> Tensor:
        return grad_inputs[0].clone()

"""The network of guided diffusion written down once more, plainly, under its authors' key names.

Functional, with the tensors in a dictionary, from the description of Dhariwal and Nichol (2021,
section 3 and appendix A); shares nothing with diffusers. `shapes` gives the tensors' shapes.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Guided:
    """factors, depth, attends (by level): of the U-Net. heads or head_width: one of them."""

    features: int = 32
    factors: tuple[float, ...] = (1, 2)
    depth: int = 1
    attends: tuple[int, ...] = (1,)
    heads: int | None = None
    head_width: int | None = None
    new_order: bool = False
    scale_shift: bool = True
    resampling: str = "resnet"
    classes: int = 0
    inputs: int = 3
    outputs: int = 6

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all tensors."""
        found: dict[str, tuple[int, ...]] = {}
        self._walk(_Shapes(self, found))
        return found

    def random(self, seed: int = 0, scale: float = 0.1) -> State:
        """Every tensor drawn, so that no path is silent; float64."""
        generator = torch.Generator().manual_seed(seed)
        return {
            key: scale * torch.randn(shape, generator=generator, dtype=torch.float64)
            for key, shape in self.shapes().items()
        }

    def __call__(
        self, state: State, x: Tensor, steps: Tensor, label: Tensor | None = None
    ) -> Tensor:
        """The output for pictures x at step numbers (b,)."""
        half = self.features // 2
        rates = torch.exp(-math.log(1e4) * torch.arange(half, dtype=torch.float32) / half)
        place = steps.float()[:, None] * rates
        waves = torch.cat([place.cos(), place.sin()], 1).to(x.dtype)
        run = _Run(self, state, torch.zeros(()))
        emb = run.linear(F.silu(run.linear(waves, "time_embed.0")), "time_embed.2")
        run.emb = emb if label is None else emb + state["label_emb.weight"][label]
        return self._walk(run, x)

    def _walk(self, on: "_Run | _Shapes", x: Tensor | None = None) -> Tensor:
        """Visits every layer in the order of the data."""
        widths = [int(factor * self.features) for factor in self.factors]
        number, levels = 0, len(widths)
        h = on.conv(x, "input_blocks.0.0", self.inputs, widths[0])
        skips, channels = [(h, widths[0])], widths[0]
        for level, width in enumerate(widths):
            for _ in range(self.depth):
                number += 1
                h = on.block(h, f"input_blocks.{number}.0", channels, width)
                h = on.attend(h, f"input_blocks.{number}.1", width) if level in self.attends else h
                channels = width
                skips.append((h, channels))
            if level < levels - 1:
                number += 1
                h = on.resample(h, f"input_blocks.{number}.0", channels, up=False)
                skips.append((h, channels))
        h = on.block(h, "middle_block.0", channels, channels)
        h = on.attend(h, "middle_block.1", channels)
        h = on.block(h, "middle_block.2", channels, channels)
        number = 0
        for level, width in reversed(list(enumerate(widths))):
            for row in range(self.depth + 1):
                skip, more = skips.pop()
                h = on.join(h, skip)
                h = on.block(h, f"output_blocks.{number}.0", channels + more, width)
                channels, inner = width, 1
                if level in self.attends:
                    h, inner = on.attend(h, f"output_blocks.{number}.1", width), 2
                if level and row == self.depth:
                    h = on.resample(h, f"output_blocks.{number}.{inner}", channels, up=True)
                number += 1
        return on.conv(on.active(h, "out.0", channels), "out.2", widths[0], self.outputs)


def _resized(h: Tensor, up: bool) -> Tensor:
    return F.interpolate(h, scale_factor=2, mode="nearest") if up else F.avg_pool2d(h, 2)


class _Run:
    """Computes."""

    def __init__(self, net: Guided, state: State, emb: Tensor):
        self.net, self.state, self.emb = net, state, emb

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def conv(self, x: Tensor | None, name: str, *_: int, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        assert x is not None
        side = weight.shape[-1] // 2
        return F.conv2d(x, weight, self.state[f"{name}.bias"], stride=stride, padding=side)

    def active(self, x: Tensor, name: str, *_: int) -> Tensor:
        return F.silu(self.normal(x, name))

    def normal(self, x: Tensor, name: str) -> Tensor:
        return F.group_norm(x, 32, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def join(self, h: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([h, skip], 1)

    def block(self, x: Tensor, name: str, old: int, new: int, up: bool | None = None) -> Tensor:
        h = self.active(x, f"{name}.in_layers.0")
        if up is not None:
            h, x = _resized(h, up), _resized(x, up)
        h = self.conv(h, f"{name}.in_layers.2")
        told = self.linear(F.silu(self.emb), f"{name}.emb_layers.1")[:, :, None, None]
        if self.net.scale_shift:
            factor, offset = told.chunk(2, 1)
            h = F.silu(self.normal(h, f"{name}.out_layers.0") * (1 + factor) + offset)
        else:
            h = self.active(h + told, f"{name}.out_layers.0")
        h = self.conv(h, f"{name}.out_layers.3")
        return h + (x if old == new else self.conv(x, f"{name}.skip_connection"))

    def attend(self, x: Tensor, name: str, channels: int) -> Tensor:
        """Head by head, with loops."""
        b, c, height, width = x.shape
        weight = self.state[f"{name}.qkv.weight"][..., 0]
        given = self.normal(x, f"{name}.norm").flatten(2)
        qkv = weight @ given + self.state[f"{name}.qkv.bias"][:, None]
        heads = self.net.heads or channels // (self.net.head_width or channels)
        size, found = channels // heads, []
        for head in range(heads):
            if self.net.new_order:
                places = [part * channels + head * size for part in range(3)]
            else:
                places = [(3 * head + part) * size for part in range(3)]
            q, k, v = (qkv[:, place : place + size] for place in places)
            share = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(size), -1)
            found.append(v @ share.transpose(1, 2))
        out = self.state[f"{name}.proj_out.weight"][..., 0] @ torch.cat(found, 1)
        out = out + self.state[f"{name}.proj_out.bias"][:, None]
        return x + out.reshape(b, c, height, width)

    def resample(self, x: Tensor, name: str, channels: int, up: bool) -> Tensor:
        if self.net.resampling == "resnet":
            return self.block(x, name, channels, channels, up)
        if self.net.resampling == "plain":
            return _resized(x, up)
        if up:
            return self.conv(_resized(x, up), f"{name}.conv")
        return self.conv(x, f"{name}.op", stride=2)


class _Shapes:
    """Notes the shapes of the tensors instead."""

    def __init__(self, net: Guided, found: dict[str, tuple[int, ...]]):
        self.net, self.found = net, found
        wide = 4 * net.features
        self._both("time_embed.0", (wide, net.features))
        self._both("time_embed.2", (wide, wide))
        if net.classes:
            found["label_emb.weight"] = (net.classes, wide)

    def _both(self, name: str, shape: tuple[int, ...]) -> Tensor:
        self.found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return torch.empty(0)

    def conv(self, x: Tensor | None, name: str, old: int, new: int) -> Tensor:
        return self._both(name, (new, old, 3, 3))

    def active(self, x: Tensor, name: str, channels: int) -> Tensor:
        return self._both(name, (channels,))

    def join(self, h: Tensor, skip: Tensor) -> Tensor:
        return h

    def block(self, x: Tensor, name: str, old: int, new: int) -> Tensor:
        self._both(f"{name}.in_layers.0", (old,))
        self._both(f"{name}.in_layers.2", (new, old, 3, 3))
        told = 2 * new if self.net.scale_shift else new
        self._both(f"{name}.emb_layers.1", (told, 4 * self.net.features))
        self._both(f"{name}.out_layers.0", (new,))
        self._both(f"{name}.out_layers.3", (new, new, 3, 3))
        return self._both(f"{name}.skip_connection", (new, old, 1, 1)) if old != new else x

    def attend(self, x: Tensor, name: str, channels: int) -> Tensor:
        self._both(f"{name}.norm", (channels,))
        self._both(f"{name}.qkv", (3 * channels, channels, 1))
        return self._both(f"{name}.proj_out", (channels, channels, 1))

    def resample(self, x: Tensor, name: str, channels: int, up: bool) -> Tensor:
        if self.net.resampling == "resnet":
            return self.block(x, name, channels, channels)
        if self.net.resampling == "plain":
            return x
        return self.conv(x, f"{name}.{'conv' if up else 'op'}", channels, channels)

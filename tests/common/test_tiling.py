"""Tiles: equal to the whole within bounded reach, a partition of unity without, smaller on need."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import OutOfMemoryError, UsageError
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.processes import build_process
from undrift.common.tiling import Tiled, automatic_tile, is_out_of_memory


class Toy:
    """A denoiser of any number of axes: two convolutions on a strided grid, reach 8 cells of 2."""

    def __init__(self, axes: int, reach: int | None = 10, limit: int = 10**9) -> None:
        generator = torch.Generator().manual_seed(axes)
        self.axes, self.limit = axes, limit
        self.down = torch.randn((2, 4, *[2] * axes), generator=generator) / 4
        self.mix = torch.randn((2, 2, *[3] * axes), generator=generator) / 4
        self.network = SimpleNamespace(multiple=2, reach=reach)
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, x: Tensor, t: Any, y: Tensor | None, level: Tensor | None) -> Estimate:
        self.seen.append(tuple(x.shape))
        if x[0, 0].numel() > self.limit:
            raise torch.OutOfMemoryError("too large")
        assert y is not None and level is not None
        convolve = getattr(nn.functional, f"conv{self.axes}d")
        sides = x.shape[2:]
        pads = [pad for side in reversed(sides) for pad in (0, side % 2)]
        h = torch.cat([nn.functional.pad(v, pads, mode="replicate") for v in (x, y)], 1)
        h = convolve(h, self.down, stride=2)
        h = torch.tanh(convolve(torch.tanh(convolve(h, self.mix, padding=1)), self.mix, padding=1))
        for axis in range(self.axes):
            h = h.repeat_interleave(2, 2 + axis)
        if isinstance(t, Tensor):
            t = t.reshape(-1, *[1] * (x.ndim - 1))
        h = h[(..., *(slice(0, side) for side in sides))]
        scale = (t * level.reshape(-1, *[1] * (x.ndim - 1))).float()
        return Estimate(x + scale * h, y=y - h, var=None)


def inputs(*space: int, batch: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn((2, batch, 2, *space), generator=generator)
    return x, torch.linspace(0.2, 0.6, batch).double(), y, torch.ones(batch, 1)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("space", "tile"),
    [((101,), 16), ((101,), 7), ((45, 62), (12, 30)), ((45, 62), 16), ((18, 23, 20), 8), ((9,), 1)],
)
def test_bounded_reach_means_tiles_change_nothing(
    space: tuple[int, ...], tile: int | tuple[int, ...], batch: int
) -> None:
    toy, call = Toy(len(space)), inputs(*space)
    whole = toy(*call)
    toy.seen.clear()
    tiled = Tiled(toy, tile, batch)(*call)  # type: ignore[arg-type]
    assert len(toy.seen) > 1
    assert max(shape[0] for shape in toy.seen) <= 2 * batch
    torch.testing.assert_close(tiled.x0, whole.x0, rtol=0, atol=1e-6)
    torch.testing.assert_close(tiled.y, whole.y, rtol=0, atol=1e-6)
    assert tiled.var is None


def test_a_smaller_margin_than_the_reach_would_show() -> None:
    toy, call = Toy(2, reach=2), inputs(45, 62)
    error = (Tiled(toy, 16)(*call).x0 - toy(*call).x0).abs().max()  # type: ignore[arg-type]
    assert error > 1e-3


@pytest.mark.parametrize("space", [(300,), (150, 200), (70, 80, 140)])
def test_unbounded_reach_blends_a_partition_of_unity(space: tuple[int, ...]) -> None:
    ones = SimpleNamespace(network=SimpleNamespace(multiple=24, reach=None))

    class Same:
        network = ones.network

        def __call__(self, x: Tensor, *_: Any) -> Estimate:
            return Estimate(torch.full_like(x, 3.0))

    x = torch.randn(1, 1, *space)
    result = Tiled(Same(), 48)(x, 0.5).x0  # type: ignore[arg-type]
    assert result.shape == x.shape
    torch.testing.assert_close(result, torch.full_like(x, 3.0), rtol=0, atol=1e-6)


def test_unbounded_reach_is_close_and_without_seams() -> None:
    """A global mean in the network: tiles differ by their means, the seams may not jump."""

    class Global:
        network = SimpleNamespace(multiple=1, reach=None)

        def __call__(self, x: Tensor, *_: Any) -> Estimate:
            return Estimate(x.mean((2, 3), keepdim=True).expand_as(x))

    ramp = torch.linspace(0, 1, 400).expand(1, 1, 64, 400)
    result = Tiled(Global(), 100)(ramp, 0.5).x0  # type: ignore[arg-type]
    assert result.min() >= 0 and result.max() <= 1
    assert (result.mean() - 0.5).abs() < 1e-3
    assert result[..., 0, -1].item() > result[..., 0, 0].item() + 0.5
    assert result.diff(dim=-1).abs().max() < 0.01  # the tiles' means differ by 0.25


def test_the_network_of_the_default_models_in_tiles() -> None:
    torch.manual_seed(0)
    network = LocalNAFNet(widths=(8, 8, 8), depths=(1, 1, 2)).eval()
    nn.init.normal_(network.leave.weight, std=0.3)
    denoiser = Denoiser(
        network, build_process("variance-preserving", {}), "balanced", Scaling(0.25, centre=0.5)
    )
    x = torch.rand(1, 3, 93, 70)
    with torch.inference_mode():
        whole = denoiser(x, 0.3).x0
        for tile in (8, 30, (64, 16)):
            torch.testing.assert_close(
                Tiled(denoiser, tile, 4)(x, 0.3).x0, whole, atol=1e-5, rtol=0
            )
    assert (whole - x).std() > 0.05


def test_memory_running_out_halves_the_tile(caplog: pytest.LogCaptureFixture) -> None:
    call = inputs(200, 300)
    whole = Toy(2)(*call).x0
    toy = Toy(2, limit=90 * 90)
    tiled = Tiled(toy, 1000)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "undrift"):
        result = tiled(*call).x0
    torch.testing.assert_close(result, whole, rtol=0, atol=1e-6)
    assert [shape[2:] for shape in toy.seen[:2]] == [(200, 300), (110, 160)]  # no vain attempt
    assert tiled.tile == (50, 75)
    assert "tiles of 200 x 300 pixels; going on with 100 x 150" in caplog.text
    toy.seen.clear()
    tiled(*call)
    assert all(max(shape[2:]) <= 95 for shape in toy.seen)  # it stays so


def test_no_memory_for_the_smallest_tile_is_exit_6() -> None:
    call = inputs(200, 300)
    tiled = Tiled(Toy(2, limit=100), 256)  # type: ignore[arg-type]
    with pytest.raises(OutOfMemoryError, match="tiles of 32 x 32 pixels") as caught:
        tiled(*call)
    assert caught.value.exit_code == 6
    with pytest.raises(OutOfMemoryError, match="all 200 x 300 pixels at once; use tile auto"):
        Tiled(Toy(2, limit=100), (200, 300), halve=False)(*call)  # type: ignore[arg-type]


def test_other_errors_are_not_taken_for_memory() -> None:
    class Broken(Toy):
        def __call__(self, *_: Any) -> Estimate:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Tiled(Broken(1), 64)(*inputs(100))  # type: ignore[arg-type]


def test_the_error_of_a_real_allocation_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("out of memory"))


def test_bad_tiles_are_refused() -> None:
    toy: Any = Toy(2)
    for tile, batch in ((0, 1), ((64, -1), 1), ((), 1), (64, 0)):
        with pytest.raises(UsageError, match="expected positive numbers"):
            Tiled(toy, tile, batch)
    with pytest.raises(UsageError, match="3 numbers for 2 axes"):
        Tiled(toy, (8, 8, 8))(*inputs(20, 20))


def test_the_automatic_tile_fits_the_memory() -> None:
    network: Any = SimpleNamespace(reach=20, bytes_per_element=300.0)
    assert automatic_tile(network, (100, 4000), 300 * 400_000) == 4000
    side = automatic_tile(network, (5000, 5000), 300 * 10**6)
    assert side == 960
    assert (side + 2 * 20) ** 2 * 300 <= 300 * 10**6
    assert automatic_tile(network, (5000, 5000), 1000) == 32
    assert automatic_tile(network, (64, 5000, 5000), 300 * 10**6) in (59, 60)
    assert automatic_tile(nn.Identity(), (5000, 5000), 1024 * 10**6) == 1000 - 64


def test_the_memory_of_the_default_networks() -> None:
    """Bytes a pixel as measured on a processor: 323 and 204; 541 and 172 for smaller ones."""
    colour = LocalNAFNet()
    deep = LocalNAFNet(inputs=6, unshuffle=4, widths=(64,), depths=(16,), levels=1)
    fine = LocalNAFNet(unshuffle=1, widths=(16, 32), depths=(1, 1))
    small = LocalNAFNet(widths=(16,), depths=(1,))
    for network, measured in ((colour, 323), (deep, 204), (fine, 541), (small, 172)):
        assert network.bytes_per_element == pytest.approx(measured, rel=0.1)

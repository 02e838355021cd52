"""The network for volumes: its reach is what it says, a tile equals the whole, slices are taken."""

import pytest
import torch

from undrift.common.devices import channels_last
from undrift.common.networks import build_network
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d, fold, pad_volume, unfold

SHAPES = [
    {"unshuffle": 1, "widths": [4], "depths": [2]},
    {"unshuffle": 2, "widths": [4], "depths": [1]},
    {"unshuffle": 1, "widths": [4, 6], "depths": [1, 1]},
]
PSI = torch.tensor([0.7], dtype=torch.float64)


def lively(**params: object) -> LocalNAFNet3d:
    """In double precision, with every weight drawn, so that no path is silent."""
    torch.manual_seed(0)
    network = LocalNAFNet3d(features=8, **params).double()  # type: ignore[arg-type]
    for value in network.parameters():
        torch.nn.init.uniform_(value, -0.3, 0.3)
    return network


@pytest.mark.parametrize("params", SHAPES)
@pytest.mark.parametrize("axis", range(3))
def test_no_voxel_depends_on_one_beyond_the_reach(params: dict, axis: int) -> None:
    network = lively(**params)
    reach, cell = network.reach, network.multiple
    long = -(-(2 * reach + 3 * cell) // cell) * cell
    sides = [2 * cell] * 3
    sides[axis] = long
    for place in (long // 2 // cell * cell, long // 2 // cell * cell + cell - 1):
        x = torch.randn(1, 1, *sides, dtype=torch.float64, requires_grad=True)
        network(x, PSI).select(2 + axis, place).sum().backward()
        assert x.grad is not None
        others = [n for n in range(5) if n != 2 + axis]
        touched = x.grad.abs().amax(others).nonzero().flatten()
        furthest = int((touched - place).abs().max())
        assert reach - 3 * cell <= furthest <= reach


@pytest.mark.parametrize("params", SHAPES)
def test_a_window_with_its_reach_around_equals_the_whole(params: dict) -> None:
    network = lively(**params)
    cell = network.multiple
    margin = -(-network.reach // cell) * cell
    x = torch.randn(1, 1, *(2 * margin + n * cell for n in (2, 3, 2)), dtype=torch.float64)
    inside = (..., *(slice(margin, margin + cell),) * 3)
    whole = network(x, PSI)[inside]
    near = 2 * margin + cell
    assert torch.allclose(network(x[..., :near, :near, :near], PSI)[inside], whole, atol=1e-12)


def test_voxels_are_folded_and_unfolded_exactly() -> None:
    x = torch.arange(2 * 3 * 4 * 6 * 2.0).reshape(2, 3, 4, 6, 2)
    folded = fold(x, 2)
    assert folded.shape == (2, 24, 2, 3, 1)
    assert torch.equal(folded[0, :8, 1, 2, 0], x[0, 0, 2:4, 4:6, 0:2].flatten())
    assert torch.equal(unfold(folded, 2), x)


def test_any_sides_are_taken_and_borders_repeat() -> None:
    network = lively(inputs=2, outputs=1, unshuffle=2, widths=[4, 4], depths=[1, 1])
    assert network.multiple == 4
    x = torch.randn(2, 2, 5, 4, 3, dtype=torch.float64)
    out = network(x, PSI.expand(2))
    padded = torch.cat([x, *[x[..., -1:]]], -1)
    padded = torch.cat([padded, *[padded[:, :, -1:]] * 3], 2)
    assert torch.equal(pad_volume(x, 4), padded)
    assert out.shape == (2, 1, 5, 4, 3)
    assert torch.allclose(out, network(padded, PSI.expand(2))[:, :, :5, :4, :3], atol=1e-12)


def test_a_slice_counts_as_a_volume_of_one_slice() -> None:
    network = lively(unshuffle=2, widths=[4], depths=[1])
    x = torch.randn(1, 1, 6, 8, dtype=torch.float64)
    assert torch.equal(network(x, PSI), network(x[..., None], PSI)[..., 0])


def test_the_name_builds_it_and_an_untrained_one_gives_zero() -> None:
    network = build_network("local-nafnet3d", {"widths": [8, 8], "depths": [1, 1], "levels": 1})
    out = network(torch.randn(1, 1, 8, 8, 8), torch.rand(1), torch.rand(1, 1))
    assert not out.any()
    with pytest.raises(ValueError, match="differ in length"):
        LocalNAFNet3d(widths=[4], depths=[1, 1])


def test_channels_last_changes_the_layout_and_no_result() -> None:
    network = lively(unshuffle=1, widths=[4], depths=[1])
    x = torch.randn(1, 1, 6, 6, 6, dtype=torch.float64)
    before = network(x, PSI)
    laid = channels_last(network)
    kernel = laid.get_parameter("enter.weight")
    assert kernel.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.allclose(laid(x, PSI), before, atol=1e-12)

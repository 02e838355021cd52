"""Networks: their signature, and that LocalNAFNet's reach is what it says."""

import math
from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks import build_network, local_nafnet
from undrift.common.networks.embeddings import LevelEmbedding
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.processes import build_process

SHAPES = [
    {"unshuffle": 1, "widths": [4], "depths": [2]},
    {"unshuffle": 4, "widths": [4], "depths": [3]},
    {"unshuffle": 1, "widths": [4, 6], "depths": [1, 1]},
    {"unshuffle": 2, "widths": [4, 4, 6], "depths": [1, 1, 1]},
]


def lively(**params: object) -> LocalNAFNet:
    """In double precision, with every weight drawn, so that no path is silent."""
    torch.manual_seed(0)
    network = LocalNAFNet(features=8, **params).double()  # type: ignore[arg-type]
    for value in network.parameters():
        torch.nn.init.uniform_(value, -0.5, 0.5)
    return network


@pytest.mark.parametrize("params", SHAPES)
def test_no_output_depends_on_an_input_beyond_the_reach(params: dict) -> None:
    network = lively(**params)
    reach, cell = network.reach, network.multiple
    side = -(-(2 * reach + 3 * cell) // cell) * cell
    for place in (side // 2 // cell * cell, side // 2 // cell * cell + cell - 1):
        x = torch.randn(1, 3, side, side, dtype=torch.float64, requires_grad=True)
        out = network(x, torch.tensor([0.7], dtype=torch.float64))
        out[0, :, place, place].sum().backward()
        assert x.grad is not None
        rows, columns = x.grad.abs().amax((0, 1)).nonzero().T
        furthest = max(int((rows - place).abs().max()), int((columns - place).abs().max()))
        assert furthest <= reach
        assert furthest >= reach - 3 * cell  # and the bound is not idle


@pytest.mark.parametrize("params", SHAPES)
def test_a_window_with_its_reach_around_equals_the_whole(params: dict) -> None:
    network = lively(**params)
    reach, cell = network.reach, network.multiple
    margin = -(-reach // cell) * cell
    x = torch.randn(1, 3, 2 * margin + 3 * cell, 2 * margin + 2 * cell, dtype=torch.float64)
    psi = torch.tensor([0.7], dtype=torch.float64)
    whole = network(x, psi)[..., margin : margin + cell, margin : margin + cell]
    window = network(x[..., : 2 * margin + cell, : 2 * margin + cell], psi)
    assert torch.allclose(window[..., margin:-margin, margin:-margin], whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("params", SHAPES)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (16, 31)])
def test_any_size_is_taken(params: dict, size: tuple[int, int]) -> None:
    out = lively(inputs=6, outputs=3, **params)(
        torch.randn(2, 6, *size).double(), torch.tensor([0.1, 1.5]).double()
    )
    assert out.shape == (2, 3, *size) and out.isfinite().all()


def test_the_multiple_is_the_side_of_the_coarsest_cell() -> None:
    assert [lively(**params).multiple for params in SHAPES] == [1, 4, 2, 8]


def test_sizes_that_fit_are_not_padded_and_others_repeat_their_border() -> None:
    network = lively(unshuffle=4, widths=[4], depths=[1])
    x, psi = torch.randn(1, 3, 6, 7).double(), torch.tensor([0.7]).double()
    padded = torch.nn.functional.pad(x, (0, 1, 0, 2), mode="replicate")
    assert torch.equal(network(x, psi), network(padded, psi)[..., :6, :7])


def test_an_untrained_network_gives_zero() -> None:
    out = LocalNAFNet(widths=[4], depths=[1])(torch.randn(1, 3, 8, 8), torch.tensor([0.7]))
    assert torch.equal(out, torch.zeros(1, 3, 8, 8))


class Largest(TorchDispatchMode):
    """Notes the numbers of the largest tensor that is made."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.most = max(self.most, out.numel())
        return out


@pytest.mark.parametrize("rows", [1, 3, 5])
@pytest.mark.parametrize("count", [1, 2])
def test_a_block_in_strips_is_the_block(
    rows: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without gradients nothing is made that is larger than the map itself; with them, all is."""
    block = cast(nn.Module, lively(widths=[4], depths=[1]).middle[0])
    x, features = torch.randn(count, 4, 16, 9).double(), torch.randn(count, 8).double()
    with Largest() as whole:
        expected = block(x, features)
    monkeypatch.setattr(local_nafnet, "STRIP", rows * x[:, :, :1].nbytes)
    with torch.no_grad(), Largest() as strips:
        found = block(x, features)
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-12)
    assert (whole.most, strips.most) == (2 * x.numel(), x.numel())


def test_fields_that_go_round_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    network = lively(widths=[4], depths=[2], unshuffle=1, periodic=True)
    x, psi = torch.randn(1, 3, 8, 8).double(), torch.tensor([0.7]).double()
    expected = network(x, psi)
    monkeypatch.setattr(local_nafnet, "STRIP", 1)
    with torch.no_grad():
        torch.testing.assert_close(network(x, psi), expected.detach(), rtol=0, atol=1e-12)


def test_items_of_a_batch_do_not_see_each_other() -> None:
    network = lively(widths=[4, 4], depths=[1, 1], levels=1)
    x, psi = torch.randn(3, 3, 8, 8).double(), torch.tensor([0.1, 0.7, 1.5]).double()
    level = torch.tensor([[0.5], [0.8], [1.0]]).double()
    together = network(x, psi, level)
    for k in range(3):
        alone = network(x[k : k + 1], psi[k : k + 1], level[k : k + 1])
        assert torch.allclose(together[k : k + 1], alone, rtol=0, atol=1e-12)
    assert not torch.allclose(network(x, psi.flip(0), level)[0], together[0])
    assert not torch.allclose(network(x, psi, level.flip(0))[0], together[0])


@pytest.mark.parametrize(("levels", "given"), [(0, 1), (1, None), (1, 2)])
def test_a_wrong_number_of_levels_is_told(levels: int, given: int | None) -> None:
    level = None if given is None else torch.zeros(1, given)
    came = given or 0
    with pytest.raises(ValueError, match=f"takes {levels} levels, {came} came"):
        LocalNAFNet(widths=[4], depths=[1], levels=levels)(
            torch.zeros(1, 3, 4, 4), torch.tensor([0.7]), level
        )


def test_the_embedding_is_finite_and_distinct_from_end_to_end() -> None:
    torch.manual_seed(0)
    embedding = LevelEmbedding(0, 8).double()
    psi = torch.linspace(0, math.pi / 2, 50, dtype=torch.float64)
    values = embedding(psi, None).detach()
    assert values.isfinite().all()
    assert float(torch.cdist(values, values).add(torch.eye(50)).min()) > 1e-6


def test_channels_last_changes_nothing_but_rounding() -> None:
    network = lively(widths=[4, 6], depths=[1, 1]).float().requires_grad_(False)
    x, psi = torch.randn(2, 3, 12, 12), torch.tensor([0.1, 0.7])
    plain = network(x, psi)
    other = network.to(memory_format=torch.channels_last)(  # type: ignore[call-overload]
        x.contiguous(memory_format=torch.channels_last), psi
    )
    assert torch.allclose(plain, other, rtol=1e-5, atol=1e-5 * float(plain.detach().abs().max()))


def test_widths_and_depths_have_one_length() -> None:
    with pytest.raises(InputError, match=r"widths \[4, 8\] and depths \[1\] differ in length"):
        build_network("local-nafnet", {"widths": [4, 8], "depths": [1]})


def test_unknown_names_and_parameters_are_told() -> None:
    with pytest.raises(InputError, match="did you mean 'local-nafnet'"):
        build_network("local-nafne", {})
    with pytest.raises(InputError, match=r"network local-nafnet: .*'width'"):
        build_network("local-nafnet", {"width": [4]})


def test_a_unet_of_diffusers_runs_behind_a_denoiser() -> None:
    unet = {
        "block_out_channels": [8, 16],
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
        "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 4,
    }
    network = build_network("diffusers-unet", {"inputs": 6, "outputs": 3, "levels": 1, **unet})
    assert network.multiple == 2 and network.reach is None
    denoiser = Denoiser(network, build_process("residual-shift", {}), "balanced", Scaling(0.05))
    y, level = torch.rand(2, 3, 9, 14), torch.tensor([[0.5], [1.0]])
    with torch.inference_mode():
        estimate = denoiser.eval()(y, 1.0, y, level).x0
        assert estimate.shape == y.shape and estimate.isfinite().all()
        inputs, psi = torch.cat([y, y], 1), torch.tensor([0.3, 0.3])
        first, second = (network(inputs, value, level) for value in (psi, 2 * psi))
        assert not torch.allclose(first, second)  # the angle arrives
        assert not torch.allclose(first, network(inputs, psi, level.flip(0)))  # and the level
        with pytest.raises(ValueError, match="takes 1 levels, 0 came"):
            network(inputs, psi)
    with pytest.raises(InputError, match=r"network diffusers-unet: .*no_such"):
        build_network("diffusers-unet", {"no_such": 1})

"""Checkpointed networks: the same numbers, less memory, one forward pass more."""

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.checkpointed import Checkpointed, checkpointed
from undrift.common.networks.local_nafnet import Block, LocalNAFNet
from undrift.common.operators.coarse import Average
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.processes import VariancePreserving


def network() -> LocalNAFNet:
    """Small, and not at its zero start."""
    torch.manual_seed(0)
    made = LocalNAFNet(1, 1, widths=(8, 16), depths=(2, 3), features=8)
    for value in made.parameters():
        nn.init.normal_(value, std=0.2)
    return made.requires_grad_(False)


def held(run: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward one, each storage once."""
    kept: dict[int, Tensor] = {}

    def pack(value: Tensor) -> Tensor:
        kept[value.untyped_storage().data_ptr()] = value
        return value

    weights = {value.untyped_storage().data_ptr() for value in run.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        run(x, torch.full((1,), 0.7))
    return sum(v.untyped_storage().nbytes() for k, v in kept.items() if k not in weights)


def test_products_are_the_same_and_can_be_repeated() -> None:
    plain = network()
    twin = checkpointed(plain)
    found = []
    for run in (plain, twin):
        x = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
        out = run(x, torch.full((2,), 0.7))
        pulls = [
            torch.autograd.grad(out, x, torch.cos(k * out).detach(), retain_graph=True)[0]
            for k in (1, 2, 3)
        ]
        found.append(torch.stack([out.detach().expand_as(x), *pulls]))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-6 * float(found[0].abs().max()))


def test_only_the_inputs_of_blocks_are_kept() -> None:
    plain = network()
    x = torch.rand(1, 1, 64, 64).requires_grad_()
    print(held(plain, x), held(checkpointed(plain), x))
    assert held(checkpointed(plain), x) < 0.3 * held(plain, x)


def test_the_given_network_stays_as_it_is_and_weights_are_shared() -> None:
    plain = network()
    twin = checkpointed(plain)
    assert not any(isinstance(module, Checkpointed) for module in plain.modules())
    assert sum(isinstance(module, Checkpointed) for module in twin.modules()) == 2 + 2 + 3
    assert {id(p) for p in twin.parameters()} == {id(p) for p in plain.parameters()}
    few = checkpointed(plain, ["middle.*"])
    assert sum(isinstance(module, Checkpointed) for module in few.modules()) >= 3
    assert isinstance(plain.middle[0], Block)


def test_no_blocks_and_unknown_names_are_told() -> None:
    with pytest.raises(InputError, match="no lists of blocks"):
        checkpointed(nn.Sequential(nn.Conv2d(1, 1, 1)))
    with pytest.raises(InputError, match="no module of the network matches"):
        checkpointed(network(), ["centre.*"])


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_sampler_with_checkpoints_gives_the_same(symmetric: bool) -> None:
    process = VariancePreserving()
    denoiser = Denoiser(network(), process, "x0", Scaling(0.3, centre=0.5))
    operator = Average((1, 16, 16), 2)
    x, seen = torch.randn(1, 1, 16, 16), torch.rand(1, 1, 8, 8)
    found = [
        MomentMatching(run, process, operator, seen, 0.1, 0.3, symmetric=symmetric)(x, 0.4).x0
        for run in (denoiser, denoiser.with_network(checkpointed(denoiser.network)))
    ]
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-5)

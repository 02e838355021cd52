"""Guidance of denoisers whose guided law is known, and twins of networks made blind."""

import pytest
import torch
from oracles import EVERY, abs_at, broad, gaussian
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError
from undrift.common.exact import Mixture
from undrift.common.grids import build_grid
from undrift.common.guidance import Extrapolated, closer_than, more_similar_than
from undrift.common.networks import build_network
from undrift.common.networks.perturbed import CentreTap, ValueOnly, perturbed
from undrift.common.processes import Process
from undrift.common.processes.process import start
from undrift.common.solvers import Exponential
from undrift.common.solvers.loop import Denoise, run_plan

MEAN, WIDTH = [0.4, -0.2, 0.1], [0.2, 0.3, 0.1]
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)


def states(n: int = 5) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def draw(number: int) -> Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(number), dtype=torch.float64)


def sampled(process: Process, denoise: Denoise, n: int = 12) -> Tensor:
    solver = Exponential(2)
    steps = solver.plan(process, build_grid("angle", process, n, 0.3))
    return run_plan(
        denoise, start(process, Y.expand(5, 3), states()), steps, y=Y.expand(5, 3), draw=draw
    )


@pytest.mark.parametrize("process", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("weight", [-0.5, 0.5, 3.0])
def test_gaussians_of_one_width_are_shifted(process: Process, weight: float) -> None:
    """p1^w p0^(1-w) is the Gaussian about m0 + w (m1 - m0), and so is every noisy marginal."""
    other = [-0.1, 0.3, 0.0]
    strong, weak = (gaussian(m, WIDTH).denoiser(process) for m in (MEAN, other))
    mean = [m0 + weight * (m1 - m0) for m0, m1 in zip(other, MEAN, strict=True)]
    truth = gaussian(mean, WIDTH).denoiser(process)
    guided = sampled(process, Extrapolated(strong, weak, weight))
    torch.testing.assert_close(guided, sampled(process, truth), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight", [0.3, 1.7])
def test_gaussians_of_two_widths_multiply(weight: float) -> None:
    """At each time the guided score is that of p1^w p0^(1-w) of the noisy marginals."""
    process = EVERY["VP"]
    a, _, s = abs_at(process, 0.3)
    pair = [gaussian(MEAN, WIDTH), gaussian([0.0, 0.1, 0.2], [0.4, 0.25, 0.3])]
    x = states()
    strong, weak = (data.denoiser(process) for data in pair)
    guided = Extrapolated(strong, weak, weight)(x, 0.3).x0
    precision, pull = 0.0, 0.0
    for data, power in zip(pair, (weight, 1 - weight), strict=True):
        mean, variance = data.moments()
        share = power / (a**2 * variance + s**2)
        precision, pull = precision + share, pull + share * a * mean
    score = (a * guided - x) / s**2
    torch.testing.assert_close(score, pull - precision * x, rtol=1e-11, atol=1e-11)


def test_weight_one_is_the_conditional_law_and_asks_nobody_else() -> None:
    process, data = EVERY["residual shift"], broad()
    part = Mixture(torch.ones(1, dtype=torch.float64), data.means[:1], data.widths[:1])

    def never(*given: object) -> Estimate:
        raise AssertionError

    guide = Extrapolated(part.denoiser(process), never, 1.0)
    assert torch.equal(sampled(process, guide), sampled(process, part.denoiser(process)))
    assert (guide.strong_calls, guide.weak_calls) == (12, 0)


def test_the_weight_may_depend_on_time() -> None:
    process = EVERY["VP"]
    strong, weak = (gaussian(m, WIDTH).denoiser(process) for m in (MEAN, [0.0] * 3))
    guide = Extrapolated(strong, weak, lambda t: 2.0 if t > 0.5 else 1.0)
    x = states()
    assert torch.equal(guide(x, 0.4).x0, strong(x, 0.4, None, None).x0)
    assert guide.weak_calls == 0
    torch.testing.assert_close(
        guide(x, 0.6).x0,
        2 * strong(x, 0.6, None, None).x0 - weak(x, 0.6, None, None).x0,
        rtol=0,
        atol=1e-14,
    )


@pytest.mark.parametrize("kind", ["difference", "similarity"])
def test_the_weak_one_rests_once_both_agree(kind: str) -> None:
    """Near the clean end x tells all, and the two denoisers agree: fewer calls, the same result."""
    process = EVERY["VP"]
    strong, weak = (gaussian(m, WIDTH).denoiser(process) for m in (MEAN, [0.1, 0.2, 0.3]))
    stop = closer_than(0.1) if kind == "difference" else more_similar_than(0.95)
    always, saving = Extrapolated(strong, weak, 1.5), Extrapolated(strong, weak, 1.5, stop)
    truth, found = sampled(process, always, 40), sampled(process, saving, 40)
    assert always.weak_calls == always.strong_calls == saving.strong_calls == 40
    assert 5 < saving.weak_calls < 36
    assert 0 < float((found - truth).abs().max()) < 0.05
    again = sampled(process, saving, 40)  # a new run begins where there is more noise
    assert torch.equal(again, found)


def test_resting_is_decided_anew_at_the_same_or_more_noise() -> None:
    asked = []

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(x)

    def weak(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        asked.append(t)
        return Estimate(x)

    guide = Extrapolated(denoise, weak, 2.0, closer_than(1e-9))
    for t in (0.5, 0.4, 0.5, 0.3, 0.9, 0.2):
        guide(states(), t)
    assert asked == [0.5, 0.5, 0.9]
    guide.restart()
    guide(states(), 0.1)
    assert asked[-1] == 0.1


def test_every_item_has_to_agree() -> None:
    x = states(2)
    far = torch.stack([x[0], x[1] + 1])
    assert not closer_than(0.5)(x, 0.1, None, x, far)
    assert closer_than(1.1)(x, 0.1, None, x, far)
    strong = torch.tensor([[1.0, 2.0, 3.0], [9.0, 5.0, 4.0]], dtype=torch.float64)
    weak = torch.tensor([[4.0, 5.0, 6.0], [9.0, 4.0, 5.0]], dtype=torch.float64)  # 1 and 13/14
    assert more_similar_than(0.928)(x, 0.4, None, strong, weak)
    assert not more_similar_than(0.929)(x, 0.4, None, strong, weak)


def nafnet() -> torch.nn.Module:
    torch.manual_seed(0)
    params: dict = {"widths": [4, 6], "depths": [1, 2], "features": 8}
    network = build_network("local-nafnet", params).double()
    for value in network.parameters():
        torch.nn.init.uniform_(value, -0.5, 0.5)
    return network.requires_grad_(False)


def test_a_blind_twin_shares_its_weights_and_leaves_the_network_alone() -> None:
    network, psi = nafnet(), torch.tensor([0.7]).double()
    x = torch.rand(1, 3, 16, 16).double()
    before = network(x, psi)
    twin = perturbed(network, ["middle.*.depthwise"])
    assert {id(p) for p in twin.parameters()} == {id(p) for p in network.parameters()}
    assert sum(isinstance(module, CentreTap) for module in twin.modules()) == 2
    assert not torch.allclose(twin(x, psi), before)
    assert torch.equal(network(x, psi), before)
    assert (twin.reach, twin.multiple) == (network.reach, network.multiple)
    guide = Denoiser(network, EVERY["VP"], "x0", Scaling(0.3, centre=0.5))
    assert guide.with_network(twin)(x, 0.5).x0.shape == x.shape


def test_a_blind_convolution_is_exact_where_the_picture_is_flat() -> None:
    layer = torch.nn.Conv2d(4, 4, 3, groups=4, padding=1).double()
    blind = CentreTap(layer)
    flat = torch.rand(1, 4, 1, 1).double().expand(1, 4, 5, 5)
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(blind(flat)[inner], layer(flat)[inner], rtol=0, atol=1e-14)
    x = torch.rand(1, 4, 5, 5).double()
    bump = x.clone()
    bump[..., 2, 2] += 1
    changed = (blind(bump) - blind(x)).abs().amax((0, 1)) > 0
    assert changed.nonzero().tolist() == [[2, 2]]
    assert not torch.allclose(blind(x), layer(x))


def attention(residual: bool) -> torch.nn.Module:
    from diffusers.models.attention_processor import Attention

    torch.manual_seed(0)
    return Attention(
        8, heads=2, dim_head=4, norm_num_groups=2, residual_connection=residual,
        rescale_output_factor=2.0, bias=True,
    ).double().requires_grad_(False)  # fmt: skip


@pytest.mark.parametrize("residual", [False, True])
def test_blind_attention_is_that_of_a_single_position(residual: bool) -> None:
    """With one position the attention map is the identity."""
    layer = attention(residual)
    blind = ValueOnly(layer)
    pixel = torch.randn(3, 8, 1, 1).double()
    torch.testing.assert_close(blind(pixel), layer(pixel), rtol=0, atol=1e-13)
    many = torch.randn(3, 8, 4, 4).double()
    assert not torch.allclose(blind(many), layer(many))


def test_blind_attention_is_the_limit_of_sharp_attention() -> None:
    """Queries and keys equal, large and of one length: each position attends to itself."""
    layer = attention(False)
    layer.group_norm = None  # type: ignore[assignment]
    x = torch.randn(2, 9, 8).double()
    for head in range(2):
        part = x[..., 4 * head : 4 * head + 4]
        x[..., 4 * head : 4 * head + 4] = part / part.norm(dim=-1, keepdim=True)
    for name in ("to_q", "to_k"):
        projection = getattr(layer, name)
        projection.weight.copy_(300 * torch.eye(8))
        projection.bias.zero_()
    torch.testing.assert_close(ValueOnly(layer)(x), layer(x), rtol=0, atol=1e-12)


def test_modules_that_cannot_be_blind_are_told() -> None:
    network = nafnet()
    with pytest.raises(InputError, match="no module of the network matches 'midle"):
        perturbed(network, ["midle.*.depthwise"])
    with pytest.raises(InputError, match=r"middle.0.expand is a Conv2d; name attention layers"):
        perturbed(network, ["middle.0.expand"])

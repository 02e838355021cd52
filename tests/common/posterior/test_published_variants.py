"""Variants of the published samplers without official arrays, each written out from its paper.

The runs here are plain loops over matrices and autograd; nothing but the operator is shared.
"""

import itertools
import math

import pytest
import torch
from gaussian_posterior import VP, by_index
from published import SHAPE, average, bent, levels, normals

from undrift.common.errors import InputError
from undrift.common.operators.coarse import Average
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.matrix import Matrix
from undrift.common.operators.phase import phase_retrieval
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.flowchef import FlowChef
from undrift.common.posterior.gdp import of_scale
from undrift.common.posterior.given_estimate import Langevin
from undrift.common.posterior.lgd import LGD, LGDShift
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.red_diff import WEIGHTINGS, RedDiff
from undrift.common.posterior.tmpd import TMPD
from undrift.common.processes.flow import Flow
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solvers.ddim import DDIM


def test_dps_of_phase_retrieval_by_autograd() -> None:
    operator = phase_retrieval(SHAPE, 2.0)
    seen = operator(normals(1, *SHAPE, seed=4))
    x, times = normals(1, *SHAPE), [0.8, 0.6, 0.4]
    method = DPSShift(bent, VP, operator, seen, 0.0, weight=1.0)
    plan = DDIM(1.0).plan(VP, times)
    found = method.run(x, plan, draw=lambda k: normals(1, *SHAPE, seed=20 + k), end=times[-1])
    for k, (t, later) in enumerate(itertools.pairwise(times)):
        (a, s), (a1, s1) = levels([t, later])
        leaf = x.clone().requires_grad_()
        clean = bent(leaf, t).x0
        slope = torch.autograd.grad((seen - operator(clean)).norm(), leaf)[0]
        beta = 1 - (a / a1) ** 2
        mean = (a1 * beta * clean.detach() + (a / a1) * s1**2 * x) / s**2
        x = mean + s1 / s * math.sqrt(beta) * normals(1, *SHAPE, seed=21 + k) - slope
    torch.testing.assert_close(found, x, rtol=1e-8, atol=1e-8)


def test_tmpd_on_a_mask_by_autograd() -> None:
    """Row sums and correction of A D, all derivatives by autograd of the composition."""
    mask = (normals(4, 4, seed=5) > 0).double()
    operator = Mask(mask, SHAPE)
    seen, t, sigma = operator(normals(1, *SHAPE, seed=6)), 0.4, 0.1
    x = normals(1, *SHAPE)
    a, s = levels([t])[0]
    leaf = x.clone().requires_grad_()
    clean = bent(leaf, t).x0
    ratio = s**2 / a
    pulled = torch.autograd.grad((mask * clean).sum(), leaf, retain_graph=True)[0]
    spread = mask * pulled + sigma**2 / ratio
    weighted = ((seen - mask * clean.detach()) / spread) * mask * clean
    expected = clean.detach() + torch.autograd.grad(weighted.sum(), leaf)[0]
    found = TMPD(bent, VP, operator, seen, sigma)(x, t).x0
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weighting", sorted(WEIGHTINGS))
def test_official_red_diff_by_adam_written_out(weighting: str) -> None:
    """Means over measurements and pixels, sigma_x0 1e-4, every weighting; and a blur."""
    operator, seen = average()
    times, rate, weight, spread = by_index(10), 0.1, 0.25, 1e-4
    method = RedDiff(
        bent, VP, operator, seen, 0.0, rate=rate, weight=weight, weighting=weighting,
        spread=spread, official=True,
    )  # fmt: skip
    mu = operator.pinv(seen)
    found = method.run(times, mu, lambda k: normals(2, *SHAPE, seed=k))
    first, second = torch.zeros_like(mu), torch.zeros_like(mu)
    laws = {
        "linear": lambda r: r, "sqrt": math.sqrt, "square": lambda r: r * r,
        "log": lambda r: math.log(1 + r), "trunc_linear": lambda r: min(r, 1.0),
        "power2over3": lambda r: r ** (2 / 3), "const": lambda r: 1.0,
    }  # fmt: skip
    for k, t in enumerate(times):
        a, s = levels([t])[0]
        eps = normals(2, *SHAPE, seed=2 * k + 1)
        leaf = mu.clone().requires_grad_()
        x0 = leaf + spread * normals(2, *SHAPE, seed=2 * k)
        x = (a * x0 + s * eps).detach()
        guess = (x - a * bent(x, t).x0) / s
        loss = (seen - operator(x0)).square().mean() / 2
        loss = loss + weight * laws[weighting](s / a) * ((guess - eps) * x0).mean()
        slope = torch.autograd.grad(loss, leaf)[0]
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        unit = (second / (1 - 0.99 ** (k + 1))).sqrt() + 1e-8
        mu = mu - rate * first / (1 - 0.9 ** (k + 1)) / unit
    torch.testing.assert_close(found, mu, rtol=1e-7, atol=1e-7)


def test_flowchef_with_a_scale_of_100() -> None:
    operator, seen = average()
    process, times = Flow(), [1 - k / 10 for k in range(11)]
    weight = of_scale(100.0, Average(SHAPE, 2))
    assert weight == 2 * 100 / 4
    found = FlowChef(bent, process, operator, seen, 0.0, weight=0.01 * weight).run(
        normals(2, *SHAPE), DDIM().plan(process, times)
    )
    z = normals(2, *SHAPE)
    for t, later in itertools.pairwise(times):
        velocity = (z - bent(z, t).x0) / t
        leaf = z.clone().requires_grad_()
        gap = (operator(leaf - t * velocity) - seen).square().mean((1, 2, 3)).sum()
        slope = torch.autograd.grad(gap, leaf)[0] if later > 0 else 0.0
        z = z - 1.0 * slope + (later - t) * velocity
    torch.testing.assert_close(found, z, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("official", [False, True])
def test_mean_gradients_of_points_around_the_estimate(official: bool) -> None:
    """LGD's shift by autograd: the code's root is of the sum of the squares, ours of each."""
    operator, seen = average()
    points, t, x = normals(5, *SHAPE, seed=7), 0.4, normals(2, *SHAPE)
    method = LGDShift(
        bent, VP, operator, seen, 0.0, 1.0, weight=0.3, normals=lambda t: points, official=official
    )
    found = method.shift(method.point(x, t, None, None), t, 0.3)
    a, s = levels([t])[0]
    spread = (s / a) / math.sqrt(1 + (s / a) ** 2)
    leaf = x.clone().requires_grad_()
    clean = bent(leaf, t).x0
    gaps = torch.stack([(operator(clean + spread * p) - seen).flatten(1) for p in points])
    squares = gaps.square().sum(-1)
    total = (
        squares.mean(0) / (2 * squares.sum(0).sqrt().detach())
        if official
        else (squares.sqrt().mean(0))
    )
    expected = -0.3 * torch.autograd.grad(total.sum(), leaf)[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_loss_guidance_with_many_points_is_pseudo_inverse_guidance() -> None:
    """Two pixels and their mean: within the error of 40000 points."""
    matrix = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    seen, points = torch.tensor([[0.7]], dtype=torch.float64), normals(40000, 2)
    shared = bent, VP, Matrix(matrix, (2,)), seen, 0.4
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    many = LGD(*shared, normals=lambda t: points)(x, 0.3).x0
    one = LGD(*shared, normals=lambda t: points[:1] * 0)(x, 0.3).x0
    exact, clean = PiGDM(*shared)(x, 0.3).x0, bent(x, 0.3).x0
    gap = exact - clean
    torch.testing.assert_close(many - clean, gap, rtol=0, atol=0.03 * float(gap.abs().max()))
    assert float((one - exact).abs().max()) > 0.1 * float(gap.abs().max())
    with pytest.raises(InputError, match=r"expected \(n, \*\(2,\)\)"):
        LGD(*shared, normals=lambda t: normals(3, 5))(x, 0.3)


@pytest.mark.parametrize("clean_end", [False, True])
def test_daps_on_a_mask_written_out(clean_end: bool) -> None:
    """Euler on the flow to .01, or to .01 in one call less and D there; then Langevin moves."""
    mask = (normals(4, 4, seed=5) > 0).double()
    seen, sigma, process = (
        mask * normals(1, *SHAPE, seed=6),
        0.1,
        VarianceExploding(high=10.0, law="linear"),
    )
    widths, calls, moves, rate, last = [10.0, 3.0, 1.0, 0.0], 3, 4, 1e-3, 0.1
    method = DAPS(
        bent, process, Mask(mask, SHAPE), seen, sigma, inner=Langevin(moves, rate, last),
        calls=calls, ends_clean=clean_end,
    )  # fmt: skip
    found = method.run(
        [w / 10 for w in widths], normals(1, *SHAPE), lambda k: normals(1, *SHAPE, seed=k)
    )
    x, number = normals(1, *SHAPE), 1
    for k, (width, later) in enumerate(itertools.pairwise(widths)):
        count = calls - clean_end
        nodes = [
            (width ** (1 / 7) + i / count * (0.01 ** (1 / 7) - width ** (1 / 7))) ** 7
            for i in range(count + 1)
        ]
        flow = x
        for here, there in itertools.pairwise(nodes):
            clean = bent(flow, here / 10).x0
            flow = clean + there / here * (flow - clean)
        middle = bent(flow, nodes[-1] / 10).x0 if clean_end else flow
        step = rate * (1 - k / (4 - clean_end) * (1 - last))
        x0 = middle
        for _ in range(moves):
            slope = mask * (seen - x0) / sigma**2 + (middle - x0) / width**2
            x0 = x0 + step * slope + math.sqrt(2 * step) * normals(1, *SHAPE, seed=number)
            number += 1
        x = x0 + later * normals(1, *SHAPE, seed=number)
        number += 1
    torch.testing.assert_close(found, x, rtol=1e-6, atol=1e-6)

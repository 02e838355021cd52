"""Unknown operators: fits with known answers, and kernels and light found with the picture.

The prior is Gaussian of 16 random smooth patterns about a mean picture: known exactly, and rich
enough in phases that only one kernel explains a blurred picture.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.exact import abs_at
from undrift.common.grids import by_angle, by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators import Blur, GaussianBlur, Identity, gaussian_kernel, motion_kernel
from undrift.common.operators.borders import Border
from undrift.common.operators.operator import Operator
from undrift.common.posterior.blind import Blind, Family, alternate
from undrift.common.posterior.blind_kernels import (
    GaussianWidth,
    KernelFamily,
    on_simplex,
    simplex_least_squares,
)
from undrift.common.posterior.blind_light import GradientLight, Light
from undrift.common.posterior.gdp_blind import BlindGDP
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.processes import VariancePreserving
from undrift.common.solvers import Exponential
from undrift.common.solvers.ddim import ancestral
from undrift.common.solvers.loop import run_plan

VP = VariancePreserving()
SIDE, SIGMA, SPREAD = 24, 0.01, 0.3
SHAPE = (1, SIDE, SIDE)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return Noise(seed)(shape, dtype=torch.float64)


def patterns() -> tuple[Tensor, Tensor]:
    """Mean (d,) and orthogonal patterns (16, d), each pixel of deviation about SPREAD."""
    rough = noise(1, 17, SIDE, SIDE, seed=9)
    smooth = Blur(gaussian_kernel(1.2, 9), (17, SIDE, SIDE))(rough)[0].flatten(1)
    rows = torch.linalg.qr(smooth.T).Q.T * SIDE
    return 0.3 * rows[16], SPREAD / 4 * rows[:16]


def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """The exact denoiser of mean + sum z_k pattern_k."""
    a, _, s = abs_at(VP, t)
    mean, rows = patterns()
    size = float(rows[0].square().sum())
    inner = (x.flatten(1) - a * mean) @ rows.T
    x0 = mean + a / (a**2 * size + s**2) * inner @ rows
    return Estimate(x0.reshape(x.shape))


def picture(seed: int = 1) -> Tensor:
    mean, rows = patterns()
    z = noise(1, 1, 1, 16, seed=seed)[0, 0]
    return (mean + z @ rows).reshape(1, *SHAPE)


def make(operator: Operator, measurement: Tensor) -> MomentMatching:
    return MomentMatching(denoise, VP, operator, measurement, SIGMA, SPREAD, 10, 1e-8)


def blind(family: Family, m: Tensor) -> Blind:
    return Blind(make, family, m, VP, below=1.0)


def sampled(found: Blind, calls: int = 40, seed: int = 3) -> Tensor:
    times = by_log_snr(VP, calls, SPREAD, low=0.02)
    return run_plan(found, noise(1, *SHAPE, seed=seed), Exponential(2).plan(VP, times))


def relative(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).norm() / truth.norm())


@pytest.mark.parametrize("border", ["circular", "valid", "reflect", "zero"])
def test_a_kernel_is_fitted_to_a_known_picture(border: Border) -> None:
    kernel = motion_kernel(4.0, 30, 7)
    x = torch.cat([noise(1, *SHAPE), noise(1, *SHAPE, seed=1)])
    m = Blur(kernel, SHAPE, border)(x)
    family = KernelFamily(SHAPE, 7, border, smooth=0.0)
    found = family.fit(x, m, family.start())["kernel"]
    torch.testing.assert_close(found, kernel, rtol=0, atol=1e-6)
    cut = replace(family, faint=0.3).fit(x, m, family.start())["kernel"]
    strong = torch.where(kernel < 0.3 * kernel.max(), 0.0, kernel)
    torch.testing.assert_close(cut, strong / strong.sum(), rtol=0, atol=1e-5)
    assert torch.equal(cut > 0, strong > 0) and not torch.equal(strong, kernel)


def test_kernels_stay_on_the_simplex() -> None:
    """Projections and the constrained minimum, both checked by their optimality conditions."""
    for seed in range(5):
        v = noise(1, 1, 12, seed=seed)[0, 0]
        k = on_simplex(v)
        assert float(k.sum()) == pytest.approx(1)
        gap = v - k
        top = gap[k > 0]
        assert float((top - top[0]).abs().max()) < 1e-12  # one multiplier on the support
        assert float((gap[k == 0] - top[0]).max()) < 1e-12 if bool((k == 0).any()) else True
    rows = noise(1, 1, 30, 8, seed=7)[0, 0]
    told = noise(1, 1, 30, seed=8)[0, 0]
    k = simplex_least_squares(rows.T @ rows, rows.T @ told, torch.ones(8).double() / 8, 3000)
    slope = rows.T @ (rows @ k - told)
    assert float((slope[k > 0] - slope[k > 0].mean()).abs().max()) < 1e-9
    assert bool((slope[k == 0] >= slope[k > 0].mean() - 1e-9).all())
    assert 0 < int((k == 0).sum()) < 8


def test_a_width_and_a_light_are_fitted_to_a_known_picture() -> None:
    x = picture()
    width = GaussianWidth(SHAPE)
    m = width.pose({"std": torch.tensor(1.7)}, x)[0](x)
    assert float(width.fit(x, m, width.start())["std"]) == pytest.approx(1.7, abs=1e-4)
    torch.testing.assert_close(m, GaussianBlur(SHAPE, 1.7, "circular")(x), rtol=0, atol=1e-4)
    light = Light((2, 10, 12), (3, 2), pull=0.0)
    truth = {"factor": torch.tensor(0.4, dtype=torch.float64), "coarse": noise(1, 2, 3, 2)[0]}
    x = noise(1, 2, 10, 12)
    m = 0.4 * x + light.mask(truth)
    found = light.fit(x, m, light.start())
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-10)


def test_a_kernel_is_found_together_with_the_picture() -> None:
    """Begun at a Gaussian; the truth is an oblique motion. The picture comes out as well as with
    the kernel known, within a factor of two."""
    x, kernel = picture(), motion_kernel(4.0, 30, 7)
    m = Blur(kernel, SHAPE)(x) + SIGMA * noise(1, *SHAPE, seed=5)
    family = KernelFamily(SHAPE, 7)
    found = blind(family, m)
    out = sampled(found)
    begin = relative(family.start()["kernel"], kernel)
    error = relative(found.parameters["kernel"], kernel)
    known = make(Blur(kernel, SHAPE), m)
    times = by_log_snr(VP, 40, SPREAD, low=0.02)
    best = run_plan(known, noise(1, *SHAPE, seed=3), Exponential(2).plan(VP, times))
    print("kernel error", begin, error, "picture", relative(out, x), relative(best, x))
    assert begin > 0.5
    assert error < 0.05
    assert relative(out, x) < 2 * relative(best, x)


def test_the_width_of_a_blur_is_found_together_with_the_picture() -> None:
    x = picture(2)
    m = GaussianBlur(SHAPE, 1.8, "circular")(x) + SIGMA * noise(1, *SHAPE, seed=6)
    for begin in (0.6, 1.2):
        found = blind(GaussianWidth(SHAPE, begin=begin), m)
        sampled(found)
        print("std", begin, float(found.parameters["std"]))
        assert float(found.parameters["std"]) == pytest.approx(1.8, abs=0.02)


def test_light_and_haze_are_found_together_with_the_picture() -> None:
    x = picture(3)
    light = Light(SHAPE, (3, 3), pull=1e-4)
    truth = {"factor": torch.tensor(0.35).double(), "coarse": 0.1 * noise(1, 1, 3, 3, seed=2)[0]}
    m = 0.35 * x + light.mask(truth) + SIGMA * noise(1, *SHAPE, seed=7)
    found = blind(light, m)
    out = sampled(found)
    haze = float((light.mask(found.parameters) - light.mask(truth)).abs().max())
    print("factor", float(found.parameters["factor"]), "haze", haze, "picture", relative(out, x))
    assert float(found.parameters["factor"]) == pytest.approx(0.35, abs=0.01)
    assert haze < 0.02
    assert relative(out, x) < 0.1 * relative(m, x)


def test_the_published_rule_is_a_step_along_the_gradient() -> None:
    x, m = torch.cat([picture(1), picture(2)]), picture(3)
    family = GradientLight(SHAPE, rate=3.0)
    begin = {name: value + 0.1 for name, value in family.start().items()}
    leaves = {name: value.clone().requires_grad_() for name, value in begin.items()}
    (m - leaves["factor"] * x - leaves["mask"]).square().mean().backward()
    found = family.fit(x, m, begin)
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        torch.testing.assert_close(found[name], begin[name] - 3.0 * leaf.grad)


def test_the_published_rule_finds_a_factor_but_hardly_any_haze() -> None:
    x = picture(3)
    m = 0.35 * x + SIGMA * noise(1, *SHAPE, seed=7)
    found = blind(GradientLight(SHAPE), m)
    sampled(found, calls=200)
    print("published factor", float(found.parameters["factor"]))
    assert float(found.parameters["factor"]) == pytest.approx(0.35, abs=0.02)
    assert float(found.parameters["mask"].abs().max()) < 0.02


def test_the_published_sampler_finds_light_and_picture() -> None:
    """Pushes and gradient steps at each of 200 steps, from a factor of 1."""
    x, light = picture(3), GradientLight(SHAPE)
    m = 0.35 * x + SIGMA * noise(1, *SHAPE, seed=7)
    sampler = BlindGDP(denoise, VP, Identity(SHAPE), m, SIGMA, SPREAD, weight=1.0, family=light)
    plan = ancestral().plan(VP, by_angle(VP, 200, SPREAD))
    out = sampler.run(
        noise(1, *SHAPE, seed=3), plan, draw=lambda k: Noise(4)((1, *SHAPE), k, dtype=torch.float64)
    )
    print("GDP factor", float(sampler.found["factor"]), "picture", relative(out, x))
    assert float(sampler.found["factor"]) == pytest.approx(0.35, abs=0.05)
    assert relative(out, x) < 0.3 * relative(m, x)


def test_turns_of_whole_runs_come_to_the_same_kernel() -> None:
    x, kernel = picture(), motion_kernel(4.0, 30, 7)
    m = Blur(kernel, SHAPE)(x) + SIGMA * noise(1, *SHAPE, seed=5)
    errors = []

    def sample(operator: Operator, told: Tensor, number: int) -> Tensor:
        assert isinstance(operator, Blur)
        times = by_log_snr(VP, 10, SPREAD, low=0.02)
        start = noise(1, *SHAPE, seed=100 + number)
        return run_plan(make(operator, told), start, Exponential(2).plan(VP, times))

    family = KernelFamily(SHAPE, 7)
    for rounds in (1, 8):
        found = alternate(family, m, sample, rounds)[1]["kernel"]
        errors.append(relative(found, kernel))
    print("turns", errors)
    assert errors[1] < 0.5 * errors[0]


def test_what_cannot_be_is_refused() -> None:
    family = KernelFamily(SHAPE, 3)
    with pytest.raises(InputError, match="an odd size"):
        KernelFamily(SHAPE, 4)
    with pytest.raises(InputError, match="a rate in"):
        Blind(make, family, picture(), VP, rate=0.0)
    with pytest.raises(InputError, match="no family"):
        BlindGDP(denoise, VP, Identity(SHAPE), picture(), SIGMA)
    with pytest.raises(InputError, match="0 turns"):
        alternate(family, picture(), lambda operator, m, k: m, 0)

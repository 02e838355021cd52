"""Defects of published posterior samplers, made again in a few lines beside what is right.

`common/README.md` has a row for each test here and says which code has the defect.
"""

import itertools
import math

import torch
from gaussian_posterior import VP, measured
from oracles import abs_at
from published import bent, normals
from torch import Tensor
from torch.fft import fft2, ifft2

from undrift.common.denoisers import Estimate
from undrift.common.operators.blur import Blur, transfer
from undrift.common.operators.diagonal import Identity
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.ddnm_official import OfficialDDNMPlus, OfficialSimplified
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.given_estimate import score_of
from undrift.common.posterior.inversebench import InverseBenchPnPDM, polynomial_ratios
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.posterior.redrawn import Redrawn
from undrift.common.processes.variance_exploding import VarianceExploding


def nothing(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None) -> Estimate:
    """D = 0: all of the state is noise."""
    return Estimate(torch.zeros_like(x))


def test_dps_takes_one_norm_over_the_batch() -> None:
    """Another item in the batch makes the push of the first one shorter."""
    method = measured("sr2", DPSShift, weight=1.0)
    x = normals(2, 64)
    point = method.point(x, 0.4, None, None)
    operator, left = method.linearised(point.x0)
    theirs = point.pull(operator.adjoint(left)) / left.norm()
    alone = method.shift(method.point(x[:1], 0.4, None, None), 0.4, 0.3)
    torch.testing.assert_close(method.shift(point, 0.4, 0.3)[:1], alone)
    assert float(theirs[0].norm() / alone.norm()) < 0.9


def test_red_diff_weighs_the_data_by_the_count_of_measurements() -> None:
    """The same measurement made four times is four times the evidence; a mean does not count."""
    look, seen, mu = normals(2, 4), normals(1, 2, seed=1), normals(1, 4, seed=2)

    def data_part(copies: int, official: bool) -> Tensor:
        method = RedDiff(
            bent, VP, Matrix(look.repeat(copies, 1), (4,)), seen.repeat(1, copies), 0.1,
            weight=0.0, official=official,
        )  # fmt: skip
        return method._gradient(mu, 0.5, lambda k: normals(1, 4, seed=k), 0, None, None)

    torch.testing.assert_close(data_part(4, True), data_part(1, True))
    torch.testing.assert_close(data_part(4, False), 4 * data_part(1, False))


def test_diffpirs_closed_form_cancels_in_single_precision() -> None:
    """(F(r) - conj(K) K F(r) / (|K|^2 + rho)) / rho for a small rho, against the residual form."""
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    operator, rho = Blur(kernel, (1, 8, 8)), 1e-6
    clean, seen = normals(1, 1, 8, 8).float(), operator(normals(1, 1, 8, 8, seed=1).float())
    exact = clean.double() + operator.gain(seen.double() - operator(clean.double()), 1.0, rho)
    ours = clean + operator.gain(seen - operator(clean), 1.0, rho)
    bank = transfer(kernel[None], (8, 8), (1, 1))
    right = bank.conj() * fft2(seen) + rho * fft2(clean)
    theirs = ifft2((right - bank.conj() * (bank * right / (bank.abs() ** 2 + rho))) / rho).real
    size = float(exact.abs().max())
    assert float((ours - exact).abs().max()) < 1e-4 * size
    assert float((theirs - exact).abs().max()) > 1e-3 * size


def test_simplified_ddnm_shrinks_the_noise_twice() -> None:
    """Exact measurements: the step should leave s' of noise, and leaves s' sqrt(1 - a'^4)."""
    method = OfficialSimplified(bent, VP, Identity((4,)), normals(1, 4), 0.0)
    theirs = method.plan([0.3, 0.1, 0.02])
    right = Redrawn(0.85**2).plan(VP, [0.3, 0.1, 0.02])
    for step, good, t in zip(theirs, right, (0.1, 0.02), strict=True):
        factor = math.sqrt(1 - abs_at(VP, t)[0] ** 4)
        assert math.isclose(step.sigma, factor * good.sigma, rel_tol=1e-9)
        assert factor < 0.7


def test_noisy_ddnm_puts_measured_noise_where_nothing_is_measured() -> None:
    """Only the mean of two pixels is measured. A state whose noise lies along the mean keeps none
    of it on the difference; unrotated weights put it there."""
    look = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    operator, seen = Matrix(look, (2,)), torch.zeros(1, 1, dtype=torch.float64)
    t, s = 0.5, abs_at(VP, 0.5)[2]
    shared = nothing, VP, operator, seen, 0.0
    method = OfficialDDNMPlus(*shared, layout=lambda x: x)
    x = s * torch.ones(1, 2, dtype=torch.float64)
    svd = operator.at(seen).svd()
    assert svd is not None
    silent = torch.zeros(1, 2, dtype=torch.float64)
    wrong, _ = method.move(x, t, 0.3, silent)
    right = OfficialDDNMPlus(*shared, layout=svd.vh).move(x, t, 0.3, silent)[0]
    assert float((right[0, 0] - right[0, 1]).abs()) < 1e-9
    assert float((wrong[0, 0] - wrong[0, 1]).abs()) > 0.1


def test_the_likelihood_of_daps_is_seven_times_too_narrow() -> None:
    """tau = .01 for a noise of .05, and no 1/2: as if the noise were .0071."""
    operator, seen, x = Identity((4,)), normals(1, 4), normals(1, 4, seed=1)
    tau, sigma = 0.01, 0.05
    leaf = x.clone().requires_grad_()
    theirs = -torch.autograd.grad(((leaf - seen).square() / tau**2).sum(), leaf)[0]
    as_meant = score_of(operator, seen, sigma, x, 1e9)(x)
    torch.testing.assert_close(theirs / as_meant, torch.full_like(x, 2 * (sigma / tau) ** 2))
    torch.testing.assert_close(score_of(operator, seen, tau / math.sqrt(2), x, 1e9)(x), theirs)


def test_pnp_dm_of_inversebench_takes_the_step_before() -> None:
    """A shortened run steps from s/a by the length that belongs to the larger one before it."""
    ratios = polynomial_ratios(20)
    process = VarianceExploding(high=20.0, law="linear")
    method = InverseBenchPnPDM(bent, process, Identity((4,)), normals(1, 4), 0.05, ratios=ratios)
    lengths = [2 * old * (old - new) for old, new in itertools.pairwise(ratios)]
    whole = [step.sigma**2 for step in method.steps(10.0)]
    cut = [step.sigma**2 for step in method.steps(1.0)]
    first = next(k for k, ratio in enumerate(ratios) if ratio < 1.0) - 1
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(lengths))
    torch.testing.assert_close(torch.tensor(cut), torch.tensor(lengths[first - 1 : -1]))
    assert cut[0] > 1.5 * lengths[first]

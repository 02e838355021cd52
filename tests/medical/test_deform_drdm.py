"""Deformation recovery: formulas of the schedule, the objective at its optimum, the sampler."""

import pytest
import torch
from torch import Tensor

from undrift.medical.deformation.drdm import (
    STEPS,
    control_velocity,
    pooled_loss,
    recover,
    recovery_counts,
    recovery_losses,
)
from undrift.medical.deformation.fields import compose, determinants, inverse
from undrift.medical.deformation.learned import as_recover, displaced, smoothed
from undrift.medical.deformation.training import flows, near_body, power_by_squaring


def bump(size: float, side: int = 24) -> Tensor:
    """A displacement (1, 2, side, side) in voxels that vanishes at the border."""
    line = torch.linspace(-1, 1, side, dtype=torch.float64) * torch.pi / 2
    x, y = torch.meshgrid(line, line, indexing="ij")
    return size * torch.cos(x) * torch.cos(y) * torch.stack([torch.sin(x), torch.cos(y)])[None]


@pytest.mark.parametrize(
    ("t", "counts"), [(0, (1, 0)), (1, (1, 1)), (10, (13, 3)), (64, (148, 12)), (79, (195, 13))]
)
def test_counts_by_hand(t: int, counts: tuple[int, int]) -> None:
    """2/3 10^1.3 = 13.3, 10^.6 = 3.98; 2/3 64^1.3 = 148.6, 64^.6 = 12.1; 195.4 and 13.8."""
    assert recovery_counts(t) == counts


def test_constant_normals_add_up_over_the_grids() -> None:
    normals = [torch.full((1, 2, side, side), 1.0) for side in (64, 32, 16, 8)]
    found = control_velocity(normals, 1e-3)
    assert found.shape == (1, 2, 64, 64)
    torch.testing.assert_close(found, torch.full_like(found, 1e-3 * (1 + 2 + 4 + 8)))


def test_the_inverse_is_the_optimum() -> None:
    d = bump(1.0)
    best = recovery_losses(inverse(d, tolerance=1e-7) / 24, d / 24)
    assert float(best.distance) < 1e-3  # two orders of composition, linear between voxels
    assert float(best.angle) < -0.8  # the border stands still, where the cosine counts as 0
    still = recovery_losses(torch.zeros_like(d), d / 24)
    away = recovery_losses(d / 24, d / 24)
    assert float(best.distance) < float(still.distance) < float(away.distance)
    assert float(away.angle) > 0.8


def test_a_fold_of_the_map_is_punished_and_not_by_the_programs_term() -> None:
    p = torch.zeros(1, 2, 16, 16, dtype=torch.float64)
    p[0, 0, 8:] = -3.0 / 16  # voxels 8 and on jump back over three others
    still = torch.zeros_like(p)
    ours, theirs = (recovery_losses(p, still, coded) for coded in (False, True))
    jump = (3 / 16 - 1e-4) / 15 / 4  # one of 15 differences, of one component and one axis
    assert float(theirs.roughness) == pytest.approx(jump)
    assert float(ours.roughness) == pytest.approx(jump + 2 * 2 * 15 / 15**2)


def test_a_perfect_network_leads_back_to_the_original() -> None:
    """It undoes all at once: the composition of a field and its inverse is nothing."""
    start, calls = bump(1.5), []
    back = inverse(start, tolerance=1e-7)

    def network(warped: Tensor, t: float) -> Tensor:
        calls.append(t)
        return back if len(calls) == 1 else torch.zeros_like(back)

    image = torch.rand(1, 1, 24, 24, dtype=torch.float64)
    steps = list(recover(network, image, start, steps=5))
    assert float(steps[-1].field.abs().max()) < 1e-5
    assert calls == pytest.approx([k / STEPS for k in (4, 3, 2, 1, 0)])
    assert all(step.share == 1.0 for step in steps)


def test_the_original_is_shown_through_the_composed_field() -> None:
    seen = []

    def network(warped: Tensor, t: float) -> Tensor:
        seen.append(warped)
        return torch.full((1, 2, 24, 24), 0.5, dtype=torch.float64)

    image = torch.arange(24.0).double().expand(1, 1, 24, 24)
    steps = list(recover(network, image, torch.zeros(1, 2, 24, 24).double(), steps=3))
    assert [float(s[0, 0, 5, 5]) for s in seen] == pytest.approx([5.0, 5.5, 6.0])
    assert float(steps[-1].field[0, 1, 5, 5]) == pytest.approx(1.5)


def test_a_step_that_folds_is_halved_and_at_last_left_out() -> None:
    start = torch.zeros(1, 2, 24, 24, dtype=torch.float64)
    folding = bump(12.0)
    assert float(determinants(compose(start, folding)).min()) < 0
    for size, share in ((1.0, (0.25, 0.5)), (100.0, (0.0,))):
        (step,) = recover(lambda x, t, s=size: s * folding, start[:, :1], start, steps=1)
        assert step.share in share
        assert step.least >= 0.05
        assert step.least == pytest.approx(float(determinants(step.field).min()))


def test_the_pooled_loss_is_the_share_that_is_left() -> None:
    """By items: all is undone, nothing is, half is (a quarter of the square); k = 0 asks for 0."""
    shift = torch.full((1, 2, 12, 12), 0.5, dtype=torch.float64)  # |d|^2 = .5
    assert float(pooled_loss(-shift, shift, least=0.0)) == pytest.approx(0)
    assert float(pooled_loss(0 * shift, shift, least=0.0)) == pytest.approx(1)
    assert float(pooled_loss(-shift / 2, shift, least=0.0)) == pytest.approx(0.25)
    assert float(pooled_loss(0 * shift, shift, least=0.5)) == pytest.approx(0.5)
    assert float(pooled_loss(shift, 0 * shift, least=0.25)) == pytest.approx(2)
    weight = torch.zeros(1, 1, 12, 12).double()
    weight[..., :3] = 2  # a quarter counts, and there all is undone
    there = torch.where(weight > 0, -shift, 5 * shift)
    assert float(pooled_loss(there, 0 * shift, weight, least=0.5)) == pytest.approx(1)
    still = torch.where(weight > 0, 0 * shift, 5 * shift)
    assert float(pooled_loss(still, 0 * shift, weight, least=0.5)) == pytest.approx(0)
    both = pooled_loss(torch.cat([-shift, 0 * shift]), torch.cat([shift, shift]), least=0.0)
    assert float(both) == pytest.approx(0.5)


def test_the_networks_output_counts_in_steps_to_be_undone() -> None:
    """k(64) = 12, k(10) = 3, k(0) = 0, times .15; the angle told is t pi/2."""
    told: list[Tensor] = []

    class Ones(torch.nn.Module):
        def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
            told.append(psi)
            return torch.ones(len(x), 2, 4, 4)

    image = torch.zeros(3, 1, 4, 4)
    found = displaced(Ones(), image, torch.tensor([64, 10, 0]) / STEPS, 0.03)
    torch.testing.assert_close(found[:, 0, 0, 0], 0.15 * torch.tensor([0.36, 0.09, 0.0]))
    torch.testing.assert_close(told[0][0], torch.tensor(0.8 * torch.pi / 2))
    recovering = as_recover(Ones(), 0.03)(image[:1], 64 / STEPS)
    torch.testing.assert_close(recovering, found[:1])
    assert float(as_recover(Ones())(image[:1], 64 / STEPS).mean()) == 1  # voxels, as it is


def test_output_is_smoothed_by_binomial_weights_that_keep_what_is_even() -> None:
    """Of a point 6 / 16 stay along each axis; a ramp stays a ramp away from the faces."""
    point = torch.zeros(1, 3, 9, 9, 9)
    point[0, 1, 4, 4, 4] = 1
    found = smoothed(point)
    assert float(found[0, 1, 4, 4, 4]) == pytest.approx((6 / 16) ** 3)
    assert float(found[0, 1, 2, 4, 5]) == pytest.approx(1 / 16 * 6 / 16 * 4 / 16)
    assert float(found[0, 0].abs().max()) == 0
    torch.testing.assert_close(smoothed(torch.ones(2, 2, 6, 7)), torch.ones(2, 2, 6, 7))
    ramp = torch.arange(12.0).reshape(1, 1, 1, 12).expand(1, 2, 8, 12)
    torch.testing.assert_close(smoothed(ramp)[..., 2:-2], ramp[..., 2:-2])


def test_the_loss_counts_a_body_and_a_voxel_around_it() -> None:
    image = torch.full((1, 1, 9, 9, 9), -1.0)
    image[..., 4:6, 4:6, 4:6] = 0.0
    weight = near_body(image, -0.6)
    assert float((weight == 1).sum()) == 4**3
    assert float(weight.min()) == pytest.approx(1e-3)


def test_flows_are_the_powers_of_small_steps() -> None:
    """A step is a thirtieth of a voxel; exp(K v) and v composed K times differ by its square."""
    v = bump(0.04).float()
    times = torch.tensor([40])
    far, near = flows(v, times)
    for found, count in ((far, recovery_counts(40)[0]), (near, recovery_counts(40)[1])):
        wanted = power_by_squaring(v, torch.tensor([count]))
        assert float(wanted.abs().max()) > 0.03 * count / 2
        assert float((found - wanted).abs().max()) < 0.02 * float(wanted.abs().max())

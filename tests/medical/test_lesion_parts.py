"""Parts of lesion synthesis: histograms, the focused loss, masks, the walk, the exact rest."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.processes import Flow
from undrift.common.solvers.known_pixels import Replacement
from undrift.common.solvers.travel import TimeTravel
from undrift.medical.intensity import HuWindow
from undrift.medical.lesions.histogram import (
    checked,
    distance,
    measure,
    moments,
    of_normal,
    perturbed,
)
from undrift.medical.lesions.inpaint import inpaint, paste, planned_calls, soft_edge
from undrift.medical.lesions.objective import class_masks, masked_error
from undrift.medical.lesions.places import centroid_ball, draw_mask, parts, tidied
from undrift.medical.lesions.textures import shares_of

WINDOW = HuWindow(-1000, 400)


def test_a_histogram_counts_the_voxels_of_the_lesion() -> None:
    numbers = np.array([-1.0, -0.99, 0.0, 0.9, 1.0, 1.5, 0.3])
    mask = np.array([1, 1, 1, 1, 1, 1, 0])
    found = measure(numbers, mask)
    wanted = np.zeros(16)
    wanted[[0, 8, 15]] = (2 / 6, 1 / 6, 3 / 6)
    np.testing.assert_allclose(found, wanted)


def test_the_moments_of_a_normal_histogram_are_its_own() -> None:
    """With Sheppard's correction for bins of width 1/8: variance plus h^2 / 12."""
    mean, deviation = moments(of_normal(0.1, 0.2))
    assert mean == pytest.approx(0.1, abs=1e-4)
    assert deviation == pytest.approx(math.sqrt(0.2**2 + 0.125**2 / 12), rel=1e-3)
    assert of_normal(-3.0, 0.1)[0] == pytest.approx(1.0)
    assert of_normal(0.0, 0.3).sum() == pytest.approx(1.0)


def test_a_sample_of_a_normal_law_has_its_histogram() -> None:
    sample = np.random.default_rng(0).normal(-0.2, 0.15, 200_000)
    assert distance(measure(sample, np.ones(len(sample))), of_normal(-0.2, 0.15)) < 0.005


def test_histograms_of_hu_lie_where_hu_lie() -> None:
    """-600 HU is -3/7 of the window from -1000 to 400; 140 HU are a fifth of its half."""
    mean, deviation = moments(shares_of({"mean": -600, "deviation": 140}, WINDOW))
    assert mean == pytest.approx(-3 / 7, abs=2e-3)
    assert deviation == pytest.approx(math.hypot(0.2, 0.125 / math.sqrt(12)), rel=0.01)
    solid, veil = (moments(shares_of(name, WINDOW))[0] for name in ("solid", "ground-glass"))
    assert veil < -0.4 < 0.4 < solid
    values, mask = np.full((4, 4, 4), 400.0, np.float32), np.ones((4, 4, 4))
    assert shares_of("solid", WINDOW, (values, mask))[-1] == 1


def test_what_is_no_histogram_is_refused() -> None:
    for wrong in ([0.5] * 15, [-0.1] + [0.1] * 15, [0.0] * 16, [float("nan")] * 16):
        with pytest.raises(InputError, match="16 shares"):
            checked(wrong)
    with pytest.raises(UsageError, match="did you mean 'solid'"):
        shares_of("sollid", WINDOW)
    with pytest.raises(UsageError, match="mean and deviation"):
        shares_of({"mean": 1}, WINDOW)
    with pytest.raises(InputError, match="empty"):
        measure(np.zeros(3), np.zeros(3))


def test_perturbed_bins_change_by_a_tenth_at_most_and_empty_ones_stay() -> None:
    shares = np.array([0.0, 0.5, 0.25, 0.25])
    changed = perturbed(shares, np.array([1.0, 2.0, 3.0, 6.0]))
    np.testing.assert_allclose(changed, [0, 0.5 * (1 - 1 / 30), 0.25, 0.25 * 1.1])


def test_the_loss_ignores_everything_outside_and_its_two_normalisers() -> None:
    wanted, masks = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    masks[0, 0, 0, 0] = 1
    masks[1, 0, :2, :2] = 1
    found = torch.full_like(wanted, 3.0)
    found[masks == 0] = 1e6
    assert float(masked_error(found, wanted, masks)) == pytest.approx(9 * 5 / 32)
    assert float(masked_error(found, wanted, masks, 1)) == pytest.approx(3 * 5 / 32)
    assert float(masked_error(found, wanted, masks, normalise="mask")) == pytest.approx(9)
    with pytest.raises(InputError, match="one shape"):
        masked_error(found, wanted, masks[:, :, :2])


def test_classes_have_a_channel_each() -> None:
    labels = torch.tensor([[[3, 4, 0]]])
    assert class_masks(labels, (3, 4)).tolist() == [[[1, 0, 0], [0, 1, 0]]]
    found, wanted = (
        torch.tensor([[[1.0, 1.0]], [[1.0, 1.0]]]).permute(1, 0, 2),
        torch.zeros(1, 2, 2),
    )
    masks = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    assert float(masked_error(found, wanted, masks)) == pytest.approx(0.5 + 1.0)


def test_a_drawn_mask_has_the_size_of_its_ball_and_its_place() -> None:
    grid, spacing = (40, 40, 24), (1.0, 1.0, 2.0)
    sizes = []
    for seed in range(8):
        mask = draw_mask(grid, spacing, (20, 18, 12), 9.0, Noise(seed))
        sizes.append(mask.sum() * 2.0 / (4 / 3 * math.pi * 9.0**3))
        assert np.abs(np.argwhere(mask).mean(0) - (20, 18, 12)).max() < 3
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.25)
    assert np.std(sizes) > 0.02
    smooth = draw_mask(grid, spacing, (20, 18, 12), 9.0, Noise(0), roughness=0)
    assert smooth.sum() * 2.0 == pytest.approx(4 / 3 * math.pi * 9.0**3, rel=0.05)
    with pytest.raises(InputError, match="no voxel"):
        draw_mask(grid, spacing, (-200, 0, 0), 3.0, Noise(0))


def test_parts_are_cut_out_one_by_one() -> None:
    mask = np.zeros((30, 20, 20), bool)
    mask[2:4, 5:8, 5:8], mask[20:26, 10, 10], mask[4, 8, 8] = True, True, True  # a corner touches
    one, two = parts(mask, 4)
    assert one.cut == (slice(0, 9), slice(1, 13), slice(1, 13))
    assert (one.voxels, two.voxels) == (19, 6)
    assert two.centroid == (22.5, 10.0, 10.0)
    for part in (one, two):
        assert part.inside.sum() == part.voxels
        assert mask[part.cut][part.inside].all()
    with pytest.raises(InputError, match="empty"):
        list(parts(np.zeros((4, 4, 4), bool), 1))


def test_the_ball_of_a_mask_and_tidied_masks() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[2:7, 4, 4] = True
    ball = centroid_ball(mask)
    assert ball.sum() == sum(
        x * x + y * y + z * z <= 4
        for x in range(-4, 5) for y in range(-4, 5) for z in range(-4, 5)
    )  # fmt: skip
    numbers = np.where(ball, 1.0, -1.0)
    numbers[4, 4, 4], numbers[0, 0, 0] = -1.0, 1.0
    assert np.array_equal(tidied(numbers), ball)


def test_edges_rise_inwards_and_are_nothing_outside() -> None:
    inside = np.zeros((11, 11, 11), bool)
    inside[2:9, 2:9, 2:9] = True
    ramp = soft_edge(inside, (1.0, 1.0, 1.0), 2.0)
    np.testing.assert_allclose(ramp[2:6, 5, 5], [0.25, 0.75, 1, 1])
    assert (ramp[~inside] == 0).all()
    assert np.array_equal(soft_edge(inside, (1, 1, 1), 0), inside.astype(np.float32))


def test_pasting_leaves_the_bits_outside() -> None:
    original = np.random.default_rng(0).standard_normal((5, 5, 5)).astype(np.float32) * 1e3
    original[0, 0, 0] = -0.0
    inside = np.zeros((5, 5, 5), bool)
    inside[2, 2, 2] = True
    made = paste(original, np.full_like(original, 7), inside, np.full_like(original, 0.5))
    assert made[~inside].tobytes() == original[~inside].tobytes()
    assert made[2, 2, 2] == pytest.approx(original[2, 2, 2] / 2 + 3.5)


class Gaussian:
    """The exact denoiser of independent normal voxels with a mean and deviation a channel."""

    def __init__(self, means: tuple[float, ...], deviation: float):
        self.means = torch.tensor(means).reshape(1, -1, 1, 1, 1)
        self.variance, self.calls = deviation**2, 0

    def gain(self, t: float) -> float:
        return (1 - t) * self.variance / ((1 - t) ** 2 * self.variance + t**2)

    def __call__(self, x: Tensor, t: float, y: object = None, level: object = None) -> Estimate:
        self.calls += 1
        return Estimate(self.means + self.gain(t) * (x - (1 - t) * self.means))


def law(model: Gaussian, steps: int, jump: int, times: int) -> float:
    """The deviation that this walk ends with, step by step: all are linear in the state."""
    grid = [1 - k / steps for k in range(steps + 1)]
    variance = 1.0
    for step in TimeTravel(torch.ones(()), torch.zeros(()), jump, times).plan(Flow(), grid):
        if isinstance(step, Replacement):
            continue
        factor = step.A[0] + (step.B[0] * model.gain(step.t) if step.calls else 0)
        variance = factor**2 * variance + step.sigma**2
    return math.sqrt(variance)


@pytest.mark.parametrize(("jump", "times"), [(1, 1), (2, 2), (5, 3)])
def test_samples_have_the_law_of_their_class_and_the_rest_is_kept(jump: int, times: int) -> None:
    """900 voxels of each class, hence deviations of .007 of the mean and 2.4 % of the deviation."""
    known = torch.linspace(-1, 1, 3600).reshape(1, 1, 20, 18, 10)
    masks = torch.zeros(1, 2, 20, 18, 10)
    masks[:, 0, :5], masks[:, 1, 10:15] = 1, 1
    model, noise = Gaussian((0.5, -0.3), 0.2), Noise(4)
    made = inpaint(
        model, Flow(), known, masks, None, lambda k: noise((1, 2, 20, 18, 10), k),
        steps=20, jump=jump, times=times,
    )  # fmt: skip
    first, second = made[:, :5], made[:, 10:15]
    deviation = law(Gaussian((0.5, -0.3), 0.2), 20, jump, times)
    for values, mean in ((first, 0.5), (second, -0.3)):
        assert float(values.mean()) == pytest.approx(mean, abs=0.02)
        assert float(values.std()) == pytest.approx(deviation, rel=0.08)
    for rest in (slice(5, 10), slice(15, 20)):
        assert torch.equal(made[:, rest], known[0, :, rest])
    assert model.calls == planned_calls(20, jump, times)


def test_more_steps_bring_the_deviation_of_the_data() -> None:
    """At first order: half the error with twice the steps."""
    errors = [0.2 - law(Gaussian((0.0,), 0.2), steps, 1, 1) for steps in (200, 400, 800)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


def test_the_calls_of_published_walks() -> None:
    """As measured with LeFusion's program for 300 steps."""
    assert [planned_calls(300, n, n) for n in (2, 5, 10)] == [598, 1480, 2910]

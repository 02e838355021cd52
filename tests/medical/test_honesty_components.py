"""Structures that went and came: planted lesions of known volume and place."""

import json
import math

import numpy as np
import pytest
from planted_lesions import CONTRAST, GRID, planted

from undrift.common.errors import InputError
from undrift.medical.honesty import examine
from undrift.medical.honesty.components import changed_components, surface_share
from undrift.medical.honesty.noise import noise_scale, robust_deviation
from undrift.medical.volumes import Volume


@pytest.mark.parametrize("kind", ["disappeared", "appeared"])
def test_twenty_planted_lesions_are_listed_where_they_are(kind: str) -> None:
    found, volumes, places, others = 0, [], [], 0
    for seed in range(20):
        case = planted(seed)
        pair = (case.ill, case.clean) if kind == "disappeared" else (case.clean, case.ill)
        listed = changed_components(case.noisy(pair[0], seed), pair[1])
        own = [one for one in listed if math.dist(one.centroid, case.centroid) < 3]
        found += len(own) == 1 and own[0].kind == kind
        others += len(listed) - len(own)
        volumes.append(own[0].volume / case.volume)
        places.append(math.dist(own[0].centroid, case.centroid))
    assert found == 20
    assert others <= 1  # chance findings of 10 mm^3 in twenty volumes of noise
    assert max(places) < 0.5  # mm, voxels are 1 x 1.2 x 1.5
    assert abs(np.mean(volumes) - 1) < 0.03
    assert np.abs(np.array(volumes) - 1).max() < 0.15


def test_a_component_knows_its_contrast() -> None:
    case = planted(3)
    (one,) = changed_components(case.ill, case.clean)
    assert one.contrast_before - one.contrast_after == pytest.approx(CONTRAST, abs=1e-3)
    record = json.loads(json.dumps(one.record(), allow_nan=False))
    assert record["Kind"] == "disappeared"
    np.testing.assert_allclose(record["CentroidMillimetresRAS"], case.centroid, atol=0.3)


def test_equal_volumes_and_pure_noise_have_none() -> None:
    case = planted(5)
    assert changed_components(case.ill, case.ill) == ()
    assert changed_components(case.noisy(case.ill), case.ill) == ()


def test_a_spread_that_covers_a_change_silences_it() -> None:
    case = planted(7)
    wide = np.full(GRID, CONTRAST, np.float32)
    assert changed_components(case.ill, case.clean)
    assert changed_components(case.ill, case.clean, wide) == ()


def test_the_floor_of_noise_in_air_is_no_structure_and_a_lesion_in_tissue_is() -> None:
    """A ball of signal in air under Rician noise of deviation 30, and the truth as the result."""
    sigma, grid = 30.0, np.stack(np.meshgrid(*[np.arange(48.0)] * 3, indexing="ij"))
    head = np.linalg.norm(grid - 23.5, axis=0) < 18
    place = np.array([23.0, 30.0, 20.0])
    lesion = np.linalg.norm(grid - place[:, None, None, None], axis=0) < 4
    truth = np.where(head, 300.0, 0.0) + np.where(lesion, 150.0, 0.0)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, sigma, (2, 48, 48, 48))
    measured = Volume(np.hypot(truth + noise[0], noise[1]).astype(np.float32), np.eye(4))
    right = Volume(truth.astype(np.float32), np.eye(4))
    lost = Volume(np.where(head, 300.0, 0.0).astype(np.float32), np.eye(4))
    assert changed_components(measured, right) != ()  # the air
    assert changed_components(measured, right, floor=sigma) == ()
    (one,) = changed_components(measured, lost, floor=sigma)
    assert one.kind == "disappeared" and math.dist(one.centroid, place) < 1
    assert one.volume == pytest.approx(lesion.sum(), rel=0.15)


def test_between_contrasts_a_lost_lesion_is_listed() -> None:
    def inverted(volume: Volume) -> Volume:  # dark where it was bright, as T2 is beside T1
        return volume.with_array(np.where(volume.array > 0, 300 - 1.5 * volume.array, 0))

    cases = [case for case in map(planted, range(20)) if case.in_one_tissue]
    assert len(cases) >= 4
    for case in cases:
        ill, clean = case.noisy(case.ill), case.noisy(inverted(case.clean), 1)
        lost, *others = changed_components(ill, clean, same_contrast=False)
        assert lost.kind == "disappeared"
        assert math.dist(lost.centroid, case.centroid) < 1
        assert lost.volume == pytest.approx(case.volume, rel=0.2)
        kept = case.noisy(inverted(case.ill), 1)
        made_up, *more = changed_components(case.noisy(case.clean), kept, same_contrast=False)
        assert made_up.kind == "appeared"
        more += others + list(changed_components(ill, kept, same_contrast=False))
        assert all(one.volume < 0.3 * case.volume for one in more)  # thin parts of borders


@pytest.mark.parametrize("radius", [2.0, 3.0, 5.0, 12.0])
def test_the_share_at_the_surface_is_that_of_a_smoothed_ball(radius: float) -> None:
    from scipy.ndimage import gaussian_filter

    fine = 4  # voxels a unit
    n = int(2 * (radius + 5) * fine)
    ball = np.square(np.indices((n, n, n)) - n // 2).sum(0) < (radius * fine) ** 2
    line = gaussian_filter(ball.astype(np.float32), fine)[n // 2, n // 2, n // 2 :]
    half = float(np.interp(-line[0] / 2, -line, np.arange(len(line)))) / fine
    at_surface = float(np.interp(radius * fine, np.arange(len(line)), line)) / line[0]
    assert surface_share(half, 1.0) == pytest.approx(at_surface, abs=0.03)


def test_noise_that_varies_in_space_has_its_scale() -> None:
    rng = np.random.default_rng(0)
    ramp = np.where(np.arange(96) < 48, 1.0, 2.0)[:, None, None]
    change = (rng.normal(size=(96, 48, 48)) * ramp).astype(np.float32)
    scale = noise_scale(change, np.ones(change.shape, bool), (1.0, 1.0, 1.0))
    assert scale[80:].mean() == pytest.approx(2, rel=0.03)
    assert scale[:16].mean() == pytest.approx(robust_deviation(change), rel=0.01)


def test_what_cannot_be_compared_is_refused() -> None:
    case = planted(0)
    broken = case.clean.array.copy()
    broken[3, 4, 5] = np.nan
    with pytest.raises(InputError, match="1 voxels are not finite"):
        changed_components(case.clean, case.clean.with_array(broken))
    with pytest.raises(InputError, match="not finite"):
        examine(case.clean.with_array(broken), case.clean)
    with pytest.raises(InputError, match="one shape"):
        changed_components(case.clean, case.clean, np.zeros((3, 4, 5), np.float32))


def test_empty_volumes_say_so() -> None:
    nothing = Volume(np.zeros(GRID, np.float32), np.eye(4))
    findings = examine(nothing, nothing)
    assert findings.components == ()
    assert findings.warnings == ("all voxels are 0",)
    json.dumps(findings.record(), allow_nan=False)

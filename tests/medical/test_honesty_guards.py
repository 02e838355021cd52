"""Warnings about inputs, volumes of tissues, and what `examine` says of a pair."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from planted_lesions import CONTRAST, planted

from undrift.medical.honesty import examine, guard
from undrift.medical.honesty.guards import drift
from undrift.medical.honesty.histogram import inside_ratios, seen_quantiles
from undrift.medical.honesty.tissues import tissue_volumes, tissue_warnings
from undrift.medical.signal import read_signal
from undrift.medical.volumes import Volume, finer


@dataclass(frozen=True)
class Trained:
    modality: str = "mr"
    spacing: tuple[float, float] = (0.9, 1.6)
    fov: tuple[float, float] = (40.0, 60.0)


def body(scale: float = 1.0, offset: float = 0.0, steps: float = 4.0) -> Volume:
    """A trunk in HU: air, fat, soft tissue, bone; `scale` and `offset` spoil its units."""
    values = np.full((40, 40, 20), -1000.0)
    values[6:34, 6:34] = -100
    values[9:31, 9:31] = 40
    values[18:22, 24:28] = 600
    affine = np.diag([steps, steps, steps, 1])
    return Volume((scale * values + offset).astype(np.float32), affine, "HU")


def test_spacing_and_field_of_view_beyond_training_are_told() -> None:
    volume = planted(0).clean
    straight = Volume(volume.array, np.diag([1.0, 1.2, 1.5, 1.0]))  # 44 x 57.6 x 48 mm
    assert guard(straight, Trained()) == ()
    (thick,) = guard(straight, Trained(spacing=(0.9, 1.2)))
    assert "voxels of 1 x 1.2 x 1.5 mm" in thick
    assert "0.9 to 1.2 mm" in thick
    (wide,) = guard(straight, Trained(fov=(40, 50)))
    assert "field of view of 44 x 57.6 x 48 mm" in wide


def test_oblique_grids_are_told_from_twenty_degrees() -> None:
    values = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    for degrees, told in ((15, False), (25, True)):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        affine = np.eye(4)
        affine[:2, :2] = [[c, -s], [s, c]]
        found = guard(Volume(values, affine))
        assert [f"{degrees} degrees" in one for one in found] == [True] * told


def test_right_hounsfield_units_pass_and_wrong_ones_do_not() -> None:
    assert guard(body()) == ()
    (offset,) = [w for w in guard(body(offset=60)) if w.startswith("the median of air")]
    assert "-940 HU" in offset
    assert "undo the normalisation" in guard(body(1 / 1600, 1000 / 1600))[0]  # 0..1
    assert "like a picture's" in guard(body(255 / 1600, 255 * 1000 / 1600))[0]  # uint8
    assert "Subtract 1024" in guard(body(offset=1024))[0]
    ct = Trained("ct", (1, 5), (10, 300))
    unsaid = Volume(body(1 / 1600, 1000 / 1600).array, np.diag([4.0, 4, 4, 1]))
    assert "undo the normalisation" in guard(unsaid, ct)[0]


def test_drifting_quantiles_are_told() -> None:
    numbers = np.linspace(-1, 1, 1001, dtype=np.float32)
    assert drift(numbers, {0.5: (-0.1, 0.1), 0.9: (0.7, 0.9)}) == ()
    (found,) = drift(numbers, {0.5: (0.2, 0.4), 0.9: (0.7, 0.9)})
    assert "50 %" in found
    assert "0.20 to 0.40" in found


def test_a_model_that_knows_its_training_tells_of_drift() -> None:
    """Half of the trunk's voxels are soft tissue or more: 40 HU, which a window turns into -.4."""
    signal = {"modality": "ct", "spacing": [1, 5], "fov": [10, 300],
              "intensity": {"kind": "hu-window", "low": -1000, "high": 2000}}  # fmt: skip
    volume = body()
    median = float(np.median(volume.array[volume.array > -500])) / 1500 - 1 / 3
    for low, high, told in ((median - 0.1, median + 0.1, 0), (0.5, 0.7, 1)):
        known = read_signal({**signal, "quantiles": {"0.5": [low, high]}})  # as JSON has it
        assert sum("in training" in text for text in guard(volume, known)) == told


def test_tissues_of_a_trunk() -> None:
    before = body(steps=2.0)
    shrunk = before.array.copy()
    shrunk[18:22, 24:26] = 40  # half of the bone is gone
    found = {one.name: one for one in tissue_volumes(before, before.with_array(shrunk))}
    assert found["body"].before == pytest.approx(28 * 28 * 20 * 8 / 1000, rel=0.05)  # corners
    assert found["bone"].after < 0.6 * found["bone"].before
    same = tissue_volumes(before, before)
    assert tissue_warnings(same) == ()
    assert [one.name for one in tissue_volumes(before, before, same_contrast=False)] == ["body"]
    grown = np.where(np.arange(40)[:, None, None] > 20, 40, before.array).astype(np.float32)
    told = tissue_warnings(tissue_volumes(before, before.with_array(grown)))
    (text,) = [text for text in told if text.startswith("body: ")]
    share = int(re.findall(r"\(\+(\d+) %\)", text)[0])
    assert share == pytest.approx(100 * (15 * 28 + 19 * 40) / (28 * 28) - 100, abs=5)


def test_a_pair_is_examined_in_one_call() -> None:
    case = planted(3)
    noisy = case.noisy(case.ill)
    std = np.full(case.clean.grid, 0.5, np.float32)
    findings = examine(noisy, case.clean, std=std, borders={2: [16]})
    assert [one.kind for one in findings.components] == ["disappeared"]
    assert "1 structure disappeared" in findings.warnings[-1]
    record = json.loads(json.dumps(findings.record(), allow_nan=False))
    assert record["ComponentsFound"] == 1
    assert record["MeanStandardDeviation"] == 0.5
    assert record["SeamIndex"]["Axis"] == "z"
    np.testing.assert_allclose(record["FlickerIndex"], 1, atol=0.05)
    left = noisy.array.astype(np.float64) - case.clean.array
    assert record["ChangeRootMeanSquare"] == pytest.approx(
        float(np.sqrt(np.mean(left**2))), rel=1e-5
    )


def test_finer_results_are_compared_on_the_grid_of_the_input() -> None:
    case = planted(3)
    fine = np.repeat(case.clean.array, 2, axis=2)
    after = case.clean.on_grid(fine, finer(case.clean.affine, (1, 1, 2)))
    findings = examine(case.noisy(case.ill), after)
    assert findings.after.grid == case.ill.grid
    near = [c for c in findings.components if math.dist(c.centroid, case.centroid) < 1]
    assert [one.kind for one in near] == ["disappeared"]
    assert near[0].contrast_before - near[0].contrast_after == pytest.approx(CONTRAST, rel=0.3)


def test_a_finer_result_that_explains_thick_slices_has_lost_nothing() -> None:
    thin = np.random.default_rng(5).uniform(0, 100, (16, 16, 24)).astype(np.float32)
    slices = Volume(thin.reshape(16, 16, 8, 3).mean(-1), np.diag([2.0, 2.0, 6.0, 1.0]))
    findings = examine(slices, slices.on_grid(thin, finer(slices.affine, (1, 1, 3))))
    assert findings.components == ()
    np.testing.assert_allclose(findings.after.array, slices.array, rtol=1e-5)


def test_orientation_does_not_matter() -> None:
    case = planted(4)
    flipped = case.clean.affine @ np.diag([-1.0, 1, 1, 1])
    flipped[:3, 3] = case.clean.affine[:3] @ (case.clean.grid[0] - 1, 0, 0, 1)
    pair = [v.on_grid(np.ascontiguousarray(v.array[::-1]), flipped) for v in (case.ill, case.clean)]
    (one,), (other,) = examine(case.ill, case.clean).components, examine(*pair).components
    np.testing.assert_allclose(one.centroid, other.centroid, atol=1e-3)
    assert one.volume == other.volume


def contrast(name: str, seed: int) -> Volume:
    """A phantom of the law of training, 4 mm."""
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.mr_signal import contrast_arrays

    phantom = brain(seed, (48, 56, 48), (4.0, 4.0, 4.0))
    return Volume(contrast_arrays(phantom, name)[0].astype(np.float32), np.diag([4.0, 4, 4, 1]))


MR = {"modality": "mr", "spacing": [1, 5], "fov": [100, 300],
      "intensity": {"kind": "percentiles", "low": 0.5, "high": 99.5, "floor": 0.1}}  # fmt: skip


def test_fluid_deep_in_the_head_tells_t2_from_t1() -> None:
    """Fluid is the brightest in T2, the darkest in T1 (Bloch's equations); fat does not count."""
    signal = read_signal({**MR, "inside": {"0.98": [1.05, 1.9]}})
    for seed in (200_001, 200_002):
        t1, t2 = contrast("mprage", seed), contrast("t2-se", seed)
        assert guard(t1, signal) == ()
        (told,) = guard(t2, signal)
        assert "98 % of the voxels deep in the body" in told
        assert "another contrast" in told
        bright = t1.array.copy()
        bright[:, :12] *= 3  # fat behind
        assert guard(t1.with_array(bright), signal) == ()


def test_depth_and_ratios_of_a_ball() -> None:
    """A ball with a bright core of half its radius: the core is deep, its shell is not."""
    axes = np.meshgrid(*[np.arange(-24, 25)] * 3, indexing="ij")
    radius = np.sqrt(sum(a.astype(float) ** 2 for a in axes))
    array = np.where(radius < 10, 150.0, np.where(radius < 20, 100.0, 0.0)).astype(np.float32)
    signal = read_signal(MR)
    deep = radius < 0.4 * 20  # deeper than .6 of the radius: just the core
    assert np.median(array[deep]) == 150
    assert inside_ratios(array, signal, (1, 1, 1)) == {0.98: 1.0}
    assert inside_ratios(array, signal, (2, 2, 2)) == {0.98: 1.0}
    assert inside_ratios(array, read_signal({**MR, "modality": "ct"}), (1, 1, 1)) == {}
    seen = seen_quantiles(array, signal)
    body = array[array > 15]
    low, high = np.percentile(body, (0.5, 99.5))
    np.testing.assert_allclose(seen[0.5], 2 * (np.median(body) - low) / (high - low) - 1, atol=1e-6)


def test_a_field_below_the_least_of_training_is_told() -> None:
    """Slack is a twentieth of the end itself: 56 of 60 mm are told, 58 are not."""
    values = np.random.default_rng(0).normal(size=(28, 40, 40)).astype(np.float32)
    trained = Trained(spacing=(1.0, 3.0), fov=(60.0, 260.0))
    (told,) = guard(Volume(values, np.diag([2.0, 2, 2, 1])), trained)
    assert "a field of view of 56 x 80 x 80 mm" in told
    assert guard(Volume(values, np.diag([2.1, 2.1, 2.1, 1])), trained) == ()


def test_the_crop_of_a_head_inside_nibabel_is_told() -> None:
    """Without air and skull its map is another one and its translation wrong; whole heads pass."""
    import nibabel

    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights
    from undrift.medical.volumes import read_volume

    signal = read_signal(read_settings(find_weights("brain-t1-t2-plain")).signal)
    crop = Path(nibabel.__file__).parent / "tests" / "data" / "anatomical.nii"
    (told,) = guard(read_volume(crop), signal)
    assert "a field of view of 66 x 82 x 50 mm" in told
    whole = contrast("mprage", 200_003)
    near = Volume(whole.array, np.diag([2.2, 2.2, 2.2, 1]))
    assert guard(near, signal) == ()
    assert any("another contrast" in text for text in guard(
        near.with_array(contrast("t2-se", 200_003).array), signal))  # fmt: skip

"""Values on their way: storage types, intensity maps, other grids and back, what is refused."""

import json

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.medical.intensity import HuWindow, PercentileMap, from_record, measure_percentiles
from undrift.medical.resampling import add_change, resample, resample_to_spacing
from undrift.medical.volumes import (
    Needs,
    Stored,
    Volume,
    check_pair,
    check_volume,
    finer,
    plan_storage,
    turned,
)

A, B = np.radians(8), np.radians(-5)  # left-handed, turned about z, then x
AFFINE = np.array([
    [-1.2 * np.cos(A), -1.4 * np.sin(A), 0.0, 80],
    [-1.2 * np.sin(A) * np.cos(B), 1.4 * np.cos(A) * np.cos(B), -2.9 * np.sin(B), -90],
    [-1.2 * np.sin(A) * np.sin(B), 1.4 * np.cos(A) * np.sin(B), 2.9 * np.cos(B), 11],
    [0, 0, 0, 1],
])  # fmt: skip


def volume(array: np.ndarray, units: str = "unknown", **stored: object) -> Volume:
    kept = Stored("nifti", **stored) if stored else Stored()  # type: ignore[arg-type]
    return Volume(array.astype(np.float32), AFFINE, units, kept)


def noise(shape: tuple[int, ...] = (6, 7, 5), low: float = -1000, high: float = 2000) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


def test_hounsfield_units_are_rounded_and_cut_with_a_count() -> None:
    values = np.array([-3000, -1024.4, -0.5, 0.5, 1.5, 39.6, 3071.2, 3071.6, 9000], np.float32)
    ct = volume(values.reshape(3, 3, 1), "HU", dtype="int16", span=(-1024.0, 2000.0))
    numbers, cut = plan_storage(ct).store(ct.array)
    assert numbers.dtype == np.int16
    assert numbers.ravel().tolist() == [-1024, -1024, 0, 0, 2, 40, 3071, 3071, 3071]
    assert cut == 3  # -1024.4 and 3071.2 round to the ends
    wide = volume(values.reshape(3, 3, 1), "HU", dtype="int16", span=(-3024.0, 8000.0))
    numbers, cut = plan_storage(wide).store(wide.array)
    assert (numbers.min(), numbers.max(), cut) == (-3000, 8000, 1)


def test_stored_integers_with_a_slope_keep_it() -> None:
    mr = volume(noise(), dtype="int16", slope=0.5, inter=100.0)
    storage = plan_storage(mr)
    numbers, cut = storage.store(mr.array)
    assert (storage.slope, storage.inter, cut) == (0.5, 100.0, 0)
    assert np.abs(numbers * 0.5 + 100 - mr.array).max() <= 0.25 + 1e-4
    small = volume(np.array([[[-3.0, 254.6, 300.0]]]), dtype="uint8")
    numbers, cut = plan_storage(small).store(small.array)
    assert numbers.ravel().tolist() == [0, 255, 255] and cut == 2


@pytest.mark.parametrize(("low", "high"), [(-1000, 2000), (5e5, 6e5), (-1e-4, 2e-4), (7, 7)])
def test_int16_spreads_the_range(low: float, high: float) -> None:
    some = volume(noise(low=low, high=high))
    storage = plan_storage(some, "int16")
    numbers, cut = storage.store(some.array)
    back = numbers * storage.slope + storage.inter
    span = high - low
    assert cut == 0 and np.abs(back - some.array).max() <= 0.51 * max(span, abs(low)) / 32767 * (
        low != high
    )
    assert float(np.float32(storage.slope)) == storage.slope  # as a header keeps it


def test_float32_and_an_unknown_type() -> None:
    some = volume(noise(), dtype="int16", slope=0.5)
    numbers, _ = plan_storage(some, "float32").store(some.array)
    assert np.array_equal(numbers, some.array)
    with pytest.raises(UsageError, match="did you mean 'int16'"):
        plan_storage(some, "int6")


@pytest.mark.parametrize("seed", range(3))
def test_intensity_maps_are_inverted_to_the_stored_number(seed: int) -> None:
    draw = np.random.default_rng(seed)
    numbers = np.concatenate([draw.integers(-610, 30394, 4000), draw.integers(0, 9, 6000)])
    values = numbers.reshape(10, 10, 100).astype(np.float32)
    window, measured = HuWindow(-150, 250), measure_percentiles(values)
    for one in (window, measured):
        again = from_record(json.loads(json.dumps(one.record())))
        assert again == one
        back = again.inverse(one.forward(values), values)
        assert np.array_equal(np.rint(back), values)
    # One map of the whole: a slice goes through it as it does alone.
    assert np.array_equal(measured.forward(values)[3], measured.forward(values[3]))


def test_a_window_passes_metal_and_padding_through() -> None:
    values = np.array([-2000, -1024, 0, 100, 3071, 12000], np.float32)
    window = HuWindow()
    numbers = window.forward(values)
    assert numbers.min() == -1 and numbers.max() == 1
    made = window.inverse(numbers * 0.5, values)
    assert made[[0, 5]].tolist() == [-2000, 12000]
    assert made[1:5] == pytest.approx(1023.5 + 0.5 * (values[1:5] - 1023.5), abs=1e-3)


def test_percentiles_are_those_of_the_foreground() -> None:
    draw = np.random.default_rng(1)
    head = draw.uniform(400, 600, (12, 12, 12)).astype(np.float32)
    for margin in (1, 4, 9):  # more air around the head changes nothing
        wide = np.pad(head, margin) + draw.uniform(0, 5, np.add(head.shape, 2 * margin))
        found = measure_percentiles(wide.astype(np.float32))
        assert (found.low, found.high) == pytest.approx((401 + 2.5, 599 + 2.5), abs=2.5)
    with pytest.raises(InputError, match="all values are 3"):
        measure_percentiles(np.full((2, 2, 2), 3, np.float32))
    with pytest.raises(InputError, match="0 voxels"):
        measure_percentiles(head, np.zeros(head.shape, bool))
    with pytest.raises(InputError, match="finite low < high"):
        PercentileMap(1.0, 1.0)


def test_no_change_comes_back_as_the_very_original() -> None:
    original = volume(noise((12, 10, 8)), "HU")
    given = resample_to_spacing(original, (2.0, 2.0, 2.0))
    back = add_change(original, given, given.array)
    assert np.array_equal(back.array, original.array)
    plain = resample(given, original.affine, original.grid)
    assert np.sqrt(np.mean((plain.array - original.array) ** 2)) > 100  # what this is for


def test_a_linear_change_comes_back_exactly_and_none_beyond_the_grid() -> None:
    original = volume(noise((16, 16, 16)))
    given = resample(
        original, original.affine @ np.diag([2, 2, 2, 1]) + shift((2, 2, 2)), (5, 5, 5)
    )
    ramp = np.indices(given.grid).sum(0).astype(np.float32)
    back = add_change(original, given, given.array + 1 + ramp).array - original.array
    inside = np.indices((9, 9, 9)).sum(0) / 2 + 1  # voxels 2 to 10 lie among the model's own
    assert back[2:11, 2:11, 2:11] == pytest.approx(inside, abs=1e-3)
    assert not back[13:].any() and not back[:, 13:].any() and not back[:, :, 13:].any()
    with pytest.raises(InputError, match="a result of"):
        add_change(original, given, ramp[1:])


def shift(voxels: tuple[int, int, int]) -> np.ndarray:
    """What moves the origin of AFFINE by voxels."""
    moved = np.zeros((4, 4))
    moved[:3, 3] = AFFINE[:3, :3] @ voxels
    return moved


def test_resampling_keeps_a_plane_in_the_world() -> None:
    """Values that are linear in millimetres are so on every grid."""
    grid = (12, 11, 10)
    slope = np.array([3.0, -2.0, 0.5])

    def plane(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        index = np.indices(shape).reshape(3, -1)
        return (slope @ (affine[:3, :3] @ index + affine[:3, 3:])).reshape(shape)

    some = volume(plane(AFFINE, grid))
    fine = resample_to_spacing(some, (0.7, 0.7, 0.7))
    assert fine.spacing == pytest.approx((0.7, 0.7, 0.7))
    wanted = plane(fine.affine, fine.grid)
    inner = (slice(3, -3),) * 3  # beyond the outer centres the edge goes on
    assert fine.array[inner] == pytest.approx(wanted[inner], abs=1e-2)
    both = Volume(np.stack([some.array, -some.array], 3), AFFINE)
    twice = resample_to_spacing(both, (0.7, 0.7, 0.7))
    assert np.array_equal(twice.array[..., 0], fine.array)
    with pytest.raises(InputError, match="positive"):
        resample_to_spacing(some, (1, 0, 1))


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SRA", "PIR"])
def test_turning_moves_voxels_and_nothing_else(axes: str) -> None:
    some = volume(noise((4, 5, 6)))
    other, turn = turned(some, axes)
    assert other.orientation == axes
    assert np.array_equal(turn.undo(other.array), some.array)
    at = np.array([1, 2, 0])
    place = other.affine @ np.append(at, 1)
    old = np.rint(np.linalg.inv(some.affine) @ place)[:3].astype(int)
    assert some.array[tuple(old)] == other.array[tuple(at)]
    assert sorted(other.spacing) == pytest.approx(sorted(some.spacing))
    with pytest.raises(InputError, match="such as 'RAS'"):
        turned(some, "RAX")


def test_spacing_is_the_length_of_columns() -> None:
    lengths = np.sqrt((AFFINE[:3, :3] ** 2).sum(0))
    assert volume(noise()).spacing == pytest.approx(lengths)
    assert Volume(noise(), finer(AFFINE, (1, 1, 3))).spacing[2] == pytest.approx(lengths[2] / 3)


BAD = [
    (
        np.where(np.arange(210).reshape(6, 7, 5) == 44, np.nan, noise()),
        {},
        r"1 of 210 .*\(1, 1, 4\)",
    ),
    (np.full((6, 7, 5), np.inf, np.float32), {}, "210 of 210 voxels are no finite"),
    (np.zeros((6, 7, 5)), {}, "all voxels are 0"),
    (noise((6, 7, 1)), {}, "a single slice is no volume"),
    (noise((6, 7, 5, 3)), {}, "3 time points, expected 1"),
    (noise(low=0, high=1), {"units": "HU"}, "undo the normalisation"),
    (noise(low=-1, high=1), {"units": "HU"}, "undo the normalisation"),
    (noise(low=0, high=255), {"units": "HU"}, "like a picture's"),
    (noise(low=0, high=3000), {"units": "HU"}, "Subtract 1024"),
    (noise(), {"spacing": (1.3, 1.5)}, "resample it"),
    (noise(), {"units": "BQML"}, "expected 'BQML'"),
]


@pytest.mark.parametrize(("array", "needs", "told"), BAD)
def test_what_a_task_refuses(array: np.ndarray, needs: dict, told: str) -> None:
    with pytest.raises(InputError, match=f"head.nii: .*{told}"):
        check_volume(volume(array), "head.nii", Needs(**needs))


def test_all_problems_at_once_and_none() -> None:
    with pytest.raises(InputError, match=r"single slice.*; 2 time points.*; all voxels"):
        check_volume(volume(np.zeros((6, 7, 1, 2))), "x")
    check_volume(volume(noise(), "HU"), "x", Needs("HU", spacing=(1, 4)))
    check_volume(volume(noise((6, 7, 5, 3))), "x", Needs(frames=0))


def test_pairs_are_on_one_grid() -> None:
    one = volume(noise())
    check_pair(one, volume(noise()), ("a", "b"))
    moved = Volume(noise(), AFFINE + shift((0, 0, 1)))
    with pytest.raises(InputError, match=r"not on one grid: a .*; b .*Register"):
        check_pair(one, moved, ("a", "b"))


@pytest.mark.parametrize(
    ("array", "affine"),
    [
        (np.zeros((3, 3), np.float32), AFFINE),
        (np.zeros((3, 3, 3)), AFFINE),
        (np.zeros((3, 0, 3), np.float32), AFFINE),
        (np.zeros((3, 3, 3), np.float32), AFFINE[:3]),
        (np.zeros((3, 3, 3), np.float32), np.diag([1.0, 1, 0, 1])),
        (np.zeros((3, 3, 3), np.float32), np.full((4, 4), np.nan)),
    ],
)
def test_what_is_no_volume(array: np.ndarray, affine: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected a|repair"):
        Volume(array, affine)


def test_values_of_another_shape() -> None:
    with pytest.raises(InputError, match="on_grid"):
        volume(noise()).with_array(noise((1, 2, 3)))

"""Percentiles of values on the disk against numpy's, and maps against those in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_medical import PRIOR, TRANSLATE, head

from undrift.common.errors import InputError
from undrift.medical.percentiles import measured_map, measured_maximum, otsu_level, percentiles
from undrift.medical.rician import measured_sigma
from undrift.medical.signal import MaximumSettings, read_signal, robust_maximum
from undrift.medical.volumes.on_disk import on_disk


def mapped(values: np.ndarray, folder: Path) -> np.ndarray:
    array = on_disk(values.shape, folder)
    array[...] = values
    return array


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=1000),
        np.round(np.random.default_rng(1).normal(size=777), 1),  # many are equal
        -np.abs(np.random.default_rng(2).normal(size=50)) * 1e-30,
        np.array([0.0, -0.0, 1e30, -1e30, 3.0]),
        np.array([7.0]),
    ],
)
def test_percentiles_are_those_of_numpy(values: np.ndarray) -> None:
    values = values.astype(np.float32)
    shares = [0, 0.5, 17.3, 50, 99.5, 100]
    pieces = np.array_split(values, 3)
    wanted = np.percentile(values.astype(np.float64), shares)
    np.testing.assert_allclose(percentiles(lambda: pieces, shares), wanted, rtol=1e-12)


def test_no_value_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing lies above"):
        percentiles(lambda: [np.zeros(0, np.float32)], [50])


@pytest.mark.parametrize("floor", [None, 0.1])
def test_maps_are_those_of_memory(floor: float | None, tmp_path: Path) -> None:
    values = head((40, 30, 50))
    intensity = {**TRANSLATE["signal"]["intensity"], "floor": floor}
    signal = read_signal({**TRANSLATE["signal"], "intensity": intensity})
    found: Any = measured_map(mapped(values, tmp_path), signal)
    wanted: Any = signal.intensity_map(values)
    assert found.low == pytest.approx(wanted.low, rel=1e-6)
    assert found.high == pytest.approx(wanted.high, rel=1e-6)
    complex_ones = read_signal(PRIOR["signal"]).intensity
    assert isinstance(complex_ones, MaximumSettings)
    maximum = measured_maximum(mapped(values, tmp_path), complex_ones)
    assert maximum == pytest.approx(robust_maximum(values), rel=1e-6)


def test_noise_is_that_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts of a few planes, whose cells reach into the next."""
    import undrift.medical.volumes.on_disk as disk

    values = head((40, 30, 50), noise=3.0)
    monkeypatch.setattr(disk.parts, "__defaults__", (5000,))
    array = mapped(values, tmp_path)
    assert len(list(disk.parts(array))) > 5
    assert measured_sigma(array) == pytest.approx(measured_sigma(values), rel=1e-6)
    rayleigh = (2 - np.pi / 2) ** 0.5  # of the magnitudes that `head` adds
    assert measured_sigma(values) == pytest.approx(3.0 * rayleigh, rel=0.05)
    from skimage.filters import threshold_otsu

    assert otsu_level(array) == pytest.approx(threshold_otsu(values.ravel()), rel=1e-5)

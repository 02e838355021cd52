"""Sinograms and their geometry in files, and everything that can be wrong with them."""

import json

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.medical.ct.files import read_sinogram, sinogram_of, write_sinogram
from undrift.medical.ct.geometry import Fan, Parallel, evenly, geometry_of
from undrift.medical.ct.sinogram import Sinogram

FAN = {
    "kind": "fan", "angles": [0, 90, 180.5], "cells": 7, "pitch": 2.5, "source": 500.0,
    "detector": 400.0,
}  # fmt: skip


def values(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".tif"])
@pytest.mark.parametrize("kind", ["parallel", "fan"])
def test_round_trip(tmp_path, suffix, kind):
    geometry = geometry_of(FAN) if kind == "fan" else Parallel((0.0, 60.0, 120.0), 7, 2.5)
    one = Sinogram(
        values(2, 3, 7), geometry, photons=2e4, electronic=3.0, thickness=5.0, water=0.02
    ).for_image((6, 5), 2.0)
    path = tmp_path / f"scan{suffix}"
    write_sinogram(path, one)
    found = read_sinogram(path)
    assert np.array_equal(found.values, one.values)
    assert found.geometry == one.geometry
    assert found.record() == one.record()


def test_json_beside_wins_where_it_is_named(tmp_path):
    path = tmp_path / "scan.npz"
    np.savez(path, sinogram=values(3, 7))
    with pytest.raises(InputError, match="neither in it nor in"):
        read_sinogram(path)
    (tmp_path / "scan.json").write_text(json.dumps(FAN))
    assert isinstance(read_sinogram(path).geometry, Fan)
    other = tmp_path / "other.json"
    other.write_text('{"kind": "parallel", "angles": {"start": 5, "step": 60, "count": 3}}')
    assert read_sinogram(path, other).geometry.angles == (5.0, 65.0, 125.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "cone"}, "parallel or fan"),
        ({"kind": "fann"}, "fan"),
        ({"pich": 2}, "pitch"),
        ({"angles": ["a"]}, "not a number"),
        ({"angles": []}, "angles"),
        ({"angles": [0, float("nan"), 2]}, "finite"),
        ({"pitch": -1}, "above 0"),
        ({"photons": "many"}, "not a number"),
        ({"image": {"plane": [4]}}, "missing"),
        ({"cells": 6}, "7|cells"),
    ],
)
def test_wrong_geometries_say_what_is_wrong(change, words):
    with pytest.raises(InputError, match=words):
        sinogram_of(values(3, 7), {**FAN, **change})


def test_missing_parts_of_a_fan_are_all_named():
    with pytest.raises(InputError, match=r"'detector' is missing.*'pitch'.*'source'"):
        geometry_of({"kind": "fan", "angles": [0]})


def test_wrong_values_are_refused():
    geometry = Parallel(evenly(3), 7, 1.0)
    bad = values(1, 3, 7)
    bad[0, 1, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        Sinogram(bad, geometry)
    with pytest.raises(InputError, match="3 angles and 7 cells"):
        Sinogram(values(1, 4, 7), geometry)
    with pytest.raises(InputError, match="counts"):
        Sinogram(values(1, 3, 7) * 1e4, geometry)
    with pytest.raises(UsageError, match="photons"):
        Sinogram(values(1, 3, 7), geometry, "counts")
    with pytest.raises(InputError, match="no more than air"):
        Sinogram(values(1, 3, 7) * 1e6, geometry, "counts", photons=1e4)
    with pytest.raises(UsageError, match="integrals"):
        Sinogram(values(1, 3, 7), geometry, "integral")
    with pytest.raises(UsageError, match="how noisy"):
        Sinogram(values(1, 3, 7), geometry).for_image().variance()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 cut off", b"words"], ids=["empty", "cut", "words"]
)
@pytest.mark.parametrize("suffix", [".npz", ".h5", ".tif"])
def test_broken_files_are_named(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="broken"):
        read_sinogram(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="one of"):
        read_sinogram(tmp_path / "scan.png")
    with pytest.raises(InputError, match="no such file"):
        read_sinogram(tmp_path / "scan.npz")
    np.savez(tmp_path / "scan.npz", other=values(3, 7))
    with pytest.raises(InputError, match="expected 'sinogram'"):
        read_sinogram(tmp_path / "scan.npz")


def test_the_image_comes_from_the_detector_where_nobody_says():
    parallel = Sinogram(values(1, 3, 40), Parallel(evenly(3), 40, 1.5)).for_image()
    assert parallel.geometry.image == (40, 40) and parallel.geometry.pixel == 1.5
    fan = Sinogram(values(1, 3, 40), Fan(evenly(3), 40, 4.0, source=500.0, detector=500.0))
    assert fan.for_image().geometry.pixel == pytest.approx(2.0)
    with pytest.raises(InputError, match="within an image"):
        fan.for_image((600, 600), 2.0)


def test_variance_of_counts_and_of_integrals_agree():
    geometry = Parallel(evenly(2), 3, 2.0).for_image((3, 3), (2.0, 2.0))
    p = np.array([[[0.5, 1.0, 2.0], [0.0, 3.0, 1.5]]], np.float32)
    of_integrals = Sinogram(p, geometry, photons=1e4, electronic=5.0)
    counts = (1e4 * np.exp(-p)).astype(np.float32)
    of_counts = Sinogram(counts, geometry, "counts", photons=1e4, electronic=5.0)
    np.testing.assert_allclose(of_counts.integrals, p, atol=1e-6)
    np.testing.assert_allclose(of_counts.variance(0.0), of_integrals.variance(0.0), rtol=1e-5)
    more = of_integrals.variance(0.5) - of_integrals.variance(0.0)
    np.testing.assert_allclose(more[p > 0.05], (0.5 * 0.0193 * 2.0) ** 2, rtol=1e-3)
    assert more[p == 0] == 0

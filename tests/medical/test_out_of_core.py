"""Tasks on volumes that lie on the disk give what they give in memory, and hold only parts."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tiny_medical import DENOISE_CT, PRIOR, TO_CT, TRANSLATE, body, head, oblique, write_medical

from undrift.medical.honesty.guards import guard
from undrift.medical.signal import read_signal
from undrift.medical.tasks import denoise, translate
from undrift.medical.thinned_guards import guarded, thin
from undrift.medical.tile_memory import where_for
from undrift.medical.volumes import read_volume, write_volume
from undrift.medical.volumes.on_disk import is_on_disk


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Whatever is read from here on lies on the disk; parts are of a few planes."""

    def always(*_: Any) -> Any:
        return lambda shape: tmp_path

    def turn_on() -> None:
        monkeypatch.setattr("undrift.medical.tasks.where_for", always)
        monkeypatch.setattr("undrift.medical.volumes.on_disk.parts.__defaults__", (2000,))

    return turn_on  # type: ignore[return-value]


def save(path: Path, array: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(array, oblique()), path)
    return path


CASES = {
    "ct": (DENOISE_CT, lambda: body().astype(np.int16), {"task": "denoise", "kind": "ct"}),
    "ct samples": (
        DENOISE_CT, lambda: body().astype(np.int16), {"task": "denoise", "kind": "ct", "samples": 3}
    ),
    "mr": (PRIOR, lambda: head(noise=3.0), {"task": "denoise", "kind": "mr"}),
    "t2": (TRANSLATE, head, {"task": "translate", "samples": 2}),
    "to ct": (TO_CT, head, {"task": "translate"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_results_on_the_disk_are_those_in_memory(name: str, disk: Any, tmp_path: Path) -> None:
    settings, make, words = CASES[name]
    task = {"denoise": denoise, "translate": translate}[words["task"]]
    own = {key: value for key, value in words.items() if key != "task"}
    model = write_medical(tmp_path / "m.safetensors", settings)
    source = save(tmp_path / "in.nii.gz", make())
    inside = task(source, model=model, **own)
    disk()
    outside = task(source, model=model, **own)
    assert is_on_disk(outside.value.array)
    span = np.ptp(inside.value.array)
    pairs = [(inside.value.array, outside.value.array), (inside.std, outside.std),
             (inside.residual, outside.residual)]  # fmt: skip
    pairs += [(a.array, b.array) for a, b in zip(inside.samples, outside.samples, strict=True)]
    for one, other in pairs:
        assert (one is None) == (other is None)
        if one is not None:
            assert np.abs(one - other).max() <= 1e-5 * span
    for result, kind in ((inside, "one"), (outside, "other")):
        write_volume(tmp_path / f"{kind}.nii", result.value)
    one, other = (read_volume(tmp_path / f"{kind}.nii").array for kind in ("one", "other"))
    assert np.abs(one - other).max() <= 1e-5 * span
    for key in ("warnings", "units", "nfe", "shape_out"):
        assert inside.info[key] == outside.info[key]
    if inside.residual is not None:
        rms = outside.info["residual_rms"]
        assert rms == pytest.approx(inside.info["residual_rms"], rel=1e-5)


def test_spread_about_one_estimate_and_a_reference(disk: Any, tmp_path: Path) -> None:
    spread = {**TRANSLATE["signal"], "spread": {"steps": 2, "wider": 2.0}}
    model = write_medical(tmp_path / "m.safetensors", TRANSLATE, signal=spread)
    source = save(tmp_path / "in.nii.gz", head())
    reference = save(tmp_path / "ref.nii.gz", (40 + 7 * head(seed=3)).astype(np.float32))
    inside = translate(source, model=model, samples=3, reference=reference)
    disk()
    outside = translate(source, model=model, samples=3, reference=reference)
    assert is_on_disk(outside.samples[2].array)
    span = np.ptp(inside.value.array)
    for one, other in [
        (inside.value.array, outside.value.array),
        (inside.std, outside.std),
        (inside.samples[2].array, outside.samples[2].array),
    ]:
        assert np.abs(one - other).max() <= 1e-5 * span


def test_memory_decides_where_a_volume_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """512^3 with three more of its size: on the disk for 2 GB, in memory for 8."""
    from undrift.common.wishes import Wishes

    monkeypatch.setattr("undrift.medical.tile_memory.resident", lambda: 3 * 10**8)
    for bound, expected in ((2 * 10**9, tmp_path), (8 * 10**9, None)):
        assert where_for(Wishes(max_memory=bound), 4, tmp_path)((512,) * 3) == expected
    assert where_for(Wishes(max_memory=2 * 10**9), 4, tmp_path)((256,) * 3) is None
    monkeypatch.setattr("undrift.medical.tile_memory.free_memory", lambda _: 10**9)
    assert where_for(Wishes(), 4, tmp_path)((512,) * 3) == tmp_path


def test_warnings_about_a_thinned_volume_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grid, spacing and field of view are the whole's; an offset of the scale is seen."""
    array = body((60, 64, 50)) + 300
    affine = np.diag([0.2, 9.0, 1.0, 1.0])
    nib.save(nib.Nifti1Image(array.astype(np.int16), affine), tmp_path / "x.nii")
    monkeypatch.setattr("undrift.medical.thinned_guards.thin.__defaults__", (20_000,))
    inside = read_volume(tmp_path / "x.nii", "HU")
    outside = read_volume(tmp_path / "x.nii", "HU", where=lambda shape: tmp_path)
    thinned = thin(outside)
    assert thinned.grid == (20, 22, 17)
    np.testing.assert_array_equal(thinned.array, inside.array[::3, ::3, ::3])
    signal = read_signal(DENOISE_CT["signal"])
    whole, found = guard(inside, signal), guarded(outside, signal)
    assert len(whole) >= 3
    assert [text for text in whole if " mm, the model" in text] == [
        text for text in found if " mm, the model" in text
    ]
    assert [text[:20] for text in whole] == [text[:20] for text in found]

"""Volumes in nameless files: the same numbers and bytes as in memory, and few pages held."""

import gzip
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nifti_cases import CASES, Case, make

from undrift.common.errors import InputError, OutOfMemoryError
from undrift.medical.volumes import on_disk as disk
from undrift.medical.volumes import read_volume, write_volume
from undrift.medical.volumes.nifti import laid_out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_comes_back_from_the_disk_byte_by_byte(case: Case, tmp_path: Path) -> None:
    path = tmp_path / f"x{case.suffix}"
    make(path, case)
    inside = read_volume(path)
    outside = read_volume(path, where=lambda shape: tmp_path)
    assert disk.is_on_disk(outside.array)
    np.testing.assert_array_equal(outside.array, inside.array)
    assert outside.stored.span == inside.stored.span
    suffix = case.suffix if case.suffix in (".nii", ".nii.gz") else ".nii"
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    write_volume(one, inside)
    write_volume(other, outside)
    assert one.read_bytes() == other.read_bytes()


def test_the_first_axis_of_networks_is_the_slowest(tmp_path: Path) -> None:
    """Of an array whose third axis points to the left."""
    affine = np.zeros((4, 4))
    affine[0, 2], affine[1, 0], affine[2, 1], affine[3, 3] = -1, 2, 3, 1
    array = laid_out((3, 4, 5), affine, tmp_path)
    assert array.shape == (3, 4, 5)
    assert max(range(3), key=lambda axis: array.strides[axis]) == 2
    series = laid_out((3, 4, 5, 6), affine, tmp_path)
    assert max(range(4), key=lambda axis: series.strides[axis]) == 3


@pytest.fixture
def pair(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same values in memory and, in another order of axes and flipped, in a file."""
    values = np.random.default_rng(0).normal(size=(9, 7, 11)).astype(np.float32)
    mapped = disk.on_disk((11, 9, 7), tmp_path).transpose(1, 2, 0)[::-1]
    mapped[...] = values
    return values, mapped


def test_work_on_parts_is_work_on_the_whole(pair: tuple[np.ndarray, np.ndarray]) -> None:
    values, mapped = pair
    assert disk.extremes(mapped) == (values.min(), values.max())
    into = disk.like(mapped)
    assert disk.is_on_disk(into)
    disk.computed(lambda a, b: a * b + 1, into, mapped, values)
    np.testing.assert_array_equal(into, values * values + 1)
    assert sum(disk.folded(np.sum, mapped)) == pytest.approx(float(values.sum(dtype=float)), 1e-5)
    for step in (1, 2, 4):
        np.testing.assert_array_equal(disk.thinned(mapped, step), values[::step, ::step, ::step])
    for k, plane in enumerate(disk.planes(mapped)):
        np.testing.assert_array_equal(plane, values[..., k])
    covered = np.zeros(values.shape, int)
    for part in disk.parts(mapped, most=100):
        assert mapped[part].size <= 100
        covered[part] += 1
    assert (covered == 1).all()
    assert not disk.is_on_disk(disk.like(values))


def test_not_a_number_is_an_extreme(tmp_path: Path) -> None:
    array = disk.on_disk((5, 2, 2), tmp_path)
    array[3, 1, 1] = np.nan
    assert np.isnan(disk.extremes(array)).all()


def held() -> int:
    """Bytes of files that are mapped into this process and in its memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("the system does not tell")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssFile"))
    return 1024 * int(line.split()[1])


def test_few_pages_are_held(tmp_path: Path) -> None:
    """64 MB on the disk; each way of going through them holds a fraction."""
    array = disk.on_disk((256, 256, 256), tmp_path)
    before, most = held(), [0]

    def watched(values: np.ndarray) -> float:
        found = float(values.sum())
        most[0] = max(most[0], held() - before)
        return found

    disk.computed(lambda a: a + 1, array, array)
    assert held() - before < 2**20
    assert sum(disk.folded(watched, array)) == 2**24
    assert 2**22 < most[0] < 2**24  # a part of 8 MB
    for plane in itertools.islice(disk.planes(array), 3):
        assert plane.min() == 1
    assert held() - before < 2**20
    assert array.sum() == 2**24  # the whole at once is what is avoided
    assert held() - before > 2**25


def test_files_have_no_name_and_a_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = disk.on_disk((8, 8, 8), tmp_path)
    array[...] = 1
    assert not list(tmp_path.iterdir())
    usage = disk.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutOfMemoryError, match=r"2e-06 GB of scratch.*1e-06 GB are free"):
        disk.on_disk((8, 8, 8), tmp_path)


def test_a_damaged_file_is_told_of_on_the_way_to_the_disk(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((40, 40, 40), np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    raw = gzip.decompress((tmp_path / "a.nii.gz").read_bytes())
    (tmp_path / "short.nii").write_bytes(raw[:-1000])
    with pytest.raises(InputError, match="cut off"):
        read_volume(tmp_path / "short.nii", where=lambda shape: tmp_path)


def test_a_tile_of_a_large_array_holds_few_pages(tmp_path: Path) -> None:
    """Of 192 x 192 x 96 voxels in 256^3, read, written and added to: 28 MB of pages otherwise."""
    import threading

    import torch

    from undrift.medical.stores import Room

    kept = Room(tmp_path).take((2, 256, 256, 256))
    place = (slice(10, 202), slice(20, 212), slice(5, 101))
    part = torch.randn((1, 2, 192, 192, 96), generator=torch.Generator().manual_seed(0))
    before, most, ended = held(), [0], threading.Event()

    def watch() -> None:
        while not ended.is_set():
            most[0] = max(most[0], held() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    kept.write(place, part)
    kept.add(place, part)
    found = kept.read(place)
    ended.set()
    watcher.join()
    torch.testing.assert_close(found, 2 * part)
    assert most[0] < 1.5 * 2**23  # parts of 8 MB

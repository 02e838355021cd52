"""A real scene out of the archive of a Python package: whole, checked, with wavelengths and unit.

The archives here are made by the tests, in the layout of the real ones, with other numbers.
"""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from undrift.common import cards
from undrift.common.cards import cards_folder
from undrift.common.data_cli import data
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.indian_pines import CENTRES, REMOVED, WAVELENGTHS

NAME = "tensorly/datasets/data/Indian_pines_corrected.npy"
REAL = "8f038e4d81569e38ebfc72a15c9984c150de42580ab260be10a13442e912e451"
SHAPE = (6, 5, 200)  # rows, columns, bands, as the package keeps them


def numbers(seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).integers(955, 9605, SHAPE).astype(np.uint16)
    return np.asfortranarray(found)  # as MATLAB, where the real one comes from


def as_npy(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


def source_archive(folder: Path, content: bytes, name: str = NAME) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tensorly-0.10.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for inside, held in (("setup.py", b"raise SystemExit"), (name, content)):
            entry = tarfile.TarInfo(f"tensorly-0.10.0/{inside}")
            entry.size = len(held)
            tar.addfile(entry, io.BytesIO(held))
    return path


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The array that a copy of the card asks for: `numbers()`."""
    made = as_npy(numbers())
    text = (cards_folder() / "indian-pines.md").read_text(encoding="utf-8")
    assert REAL in text
    text = text.replace(REAL, hashlib.sha256(made).hexdigest())
    text = text.replace("8410128", str(len(made))).replace("[200, 145, 145]", "[200, 6, 5]")
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "indian-pines.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path / "cards")
    return made


def make(*words: object) -> Result:
    texts = ["make", "indian-pines", *(str(word) for word in words)]
    return CliRunner().invoke(data, texts, standalone_mode=False)


def test_the_scene_is_written_as_it_was_stored(content: bytes, tmp_path: Path) -> None:
    source_archive(tmp_path / "packages", content)
    words = ("-o", tmp_path / "scene", "--archives", tmp_path / "packages")
    assert "1 written, 0 skipped" in make(*words).stderr
    cube = open_cube(tmp_path / "scene" / "indian-pines.hdr")
    stored = numbers().transpose(2, 0, 1)
    assert np.allclose(cube.array, (stored.astype(float) - 1000) / 500, atol=1e-6)  # Purdue's
    assert cube.wavelengths is not None
    assert cube.wavelengths.tolist() == list(WAVELENGTHS)
    save_cube(cube, tmp_path / "again.hdr")
    first, again = (np.fromfile(p, "<i2") for p in sorted(tmp_path.rglob("*.img")))
    assert np.array_equal(first.reshape(stored.shape), stored)
    assert np.array_equal(again, first)
    (tmp_path / "packages" / "tensorly-0.10.0.tar.gz").unlink()
    assert "0 written, 1 skipped" in make(*words).stderr


def test_a_wheel_serves_as_well(content: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "tensorly-0.10.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(NAME, content)
    assert "1 written" in make("-o", tmp_path / "scene", "--archives", tmp_path).stderr


def test_what_is_not_the_scene_is_refused(content: bytes, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    words = ("-o", tmp_path / "scene", "--archives", packages)
    packages.mkdir()
    source_archive(packages, as_npy(numbers(1)))
    assert "has sha256" in _told(make(*words), InputError)
    source_archive(packages, content[:-2])
    assert f"has {len(content) - 2} bytes" in _told(make(*words), InputError)
    whole = source_archive(packages, content, "tensorly/datasets/data/Other.npy").read_bytes()
    assert f"holds no {NAME}" in _told(make(*words), InputError)
    (packages / "tensorly-0.10.0.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in _told(make(*words), InputError)
    (packages / "tensorly-0.10.0.tar.gz").unlink()
    assert "holds no tensorly-*" in _told(make(*words), InputError)
    assert not (tmp_path / "scene").exists()


def test_without_archive_or_package_the_card_tells_how(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undrift.common.card_files.find_spec", lambda name: None)
    assert "pip download" in _told(make("-o", tmp_path / "scene"), MissingExtraError)
    wrong = make("-o", tmp_path / "scene", "--noise", "25")
    assert "takes no 'noise'" in _told(wrong, UsageError)


def test_the_installed_package_serves_without_archives(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site" / NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "site" / "tensorly" / "__init__.py").write_text("raise RuntimeError")
    assert "1 written" in make("-o", tmp_path / "scene").stderr  # found, never imported


def test_the_bands_are_those_of_four_spectrometers_less_the_water() -> None:
    assert len(CENTRES) == 220
    assert len(REMOVED) == 20
    assert len(WAVELENGTHS) == 200
    runs = np.split(np.array(CENTRES), [31, 94, 157])  # where AVIRIS's spectrometers overlap
    for run in runs:
        steps = np.diff(run)
        assert steps.min() > 9.5
        assert steps.max() < 10.1
    assert WAVELENGTHS[102] == 1352.68  # 103, the last before 104 to 108
    assert WAVELENGTHS[103] == 1412.39  # 109
    assert WAVELENGTHS[143:145] == (1809.19, 1943.27)  # 149, 164
    assert WAVELENGTHS[-1] == 2489.11  # 219


def _told(done: Result, kind: type[Exception]) -> str:
    assert isinstance(done.exception, kind)
    return str(done.exception)

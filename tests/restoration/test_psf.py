"""Point-spread functions from words and files, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.common.errors import InputError
from undrift.restoration.psf import disk_kernel, read_psf, trimmed


def test_words_have_the_moments_they_name() -> None:
    for word, rows, columns in (("gaussian:1.6", 1.6, 1.6), ("gaussian:3,1.5", 3.0, 1.5)):
        kernel = read_psf(word)
        for axis, std in ((1, rows), (0, columns)):
            line = kernel.sum(axis)
            place = torch.arange(len(line)) - len(line) // 2
            assert float(line @ place.double() ** 2) ** 0.5 == pytest.approx(std, rel=2e-3)
    motion = read_psf("motion:15,0")
    place = torch.arange(motion.shape[1]).double() - motion.shape[1] // 2
    # A uniform line of length L has variance L^2/12; bilinear weights of its points add up to 1/6.
    assert float(motion.sum(0) @ place**2) == pytest.approx(15**2 / 12, rel=0.02)
    for word in ("gaussian:1.6", "motion:15,30", "disk:3", "shake:31,4"):
        kernel = read_psf(word)
        assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
        assert float(kernel.min()) >= 0
        assert all(side % 2 for side in kernel.shape)


def test_a_disc_has_its_area_and_is_round() -> None:
    kernel = disk_kernel(5.3)
    assert float(1 / kernel.max()) == pytest.approx(np.pi * 5.3**2, rel=2e-3)
    assert torch.equal(kernel, kernel.T)
    assert torch.equal(kernel, kernel.flip(0))


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".png", ".tif"])
def test_files_hold_kernels(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 1, 2], [3, 40, 5], [6, 7, 8]], dtype=np.float64)
    path = tmp_path / f"psf{suffix}"
    if suffix == ".npy":
        np.save(path, values)
    elif suffix == ".csv":
        np.savetxt(path, values, delimiter=",")
    else:
        Image.fromarray(values.astype(np.uint8)).save(path)
    assert torch.allclose(read_psf(path), torch.from_numpy(values / values.sum()), atol=1e-7)


def test_even_sides_get_a_centre_and_rings_of_nothing_go() -> None:
    kernel = read_psf(np.ones((2, 4)))
    assert kernel.shape == (3, 5)
    assert torch.equal(kernel[:2, :4], torch.full((2, 4), 1 / 8, dtype=torch.float64))
    wide = torch.nn.functional.pad(read_psf("disk:2"), (7, 7, 7, 7))
    assert torch.allclose(trimmed(wide), read_psf("disk:2"))


@pytest.mark.parametrize(
    ("psf", "said"),
    [
        ("gausian:2", "did you mean|gaussian"),
        ("gaussian:a", "expected gaussian:1.6"),
        ("motion:1,2,3", "length, angle"),
        ("disk:-1", "above 0"),
        ("nowhere.png", "no such file"),
        (np.full((3, 3), np.nan), "not finite"),
        (np.zeros((3, 3)), "sum 0"),
        (np.array([[1.0, -1.0]]), "from -1"),
        (np.ones(5), "shape"),
    ],
)
def test_what_is_no_kernel_is_refused(psf: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_psf(psf)


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("one,two\n")
    (tmp_path / "empty.png").write_bytes(b"")
    np.save(tmp_path / "complex.npy", np.ones((3, 3), complex))
    Image.fromarray(np.arange(27, dtype=np.uint8).reshape(3, 3, 3)).save(tmp_path / "colour.png")
    for name, said in (
        ("text.csv", "cannot be read as numbers"),
        ("empty.png", "empty"),
        ("complex.npy", "real numbers"),
        ("colour.png", "in colour"),
    ):
        with pytest.raises(InputError, match=said):
            read_psf(tmp_path / name)

"""Scratches: drawn over a real photograph they are found, and a clean one has next to none."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

import undrift
from undrift.common.errors import InputError
from undrift.restoration.chains.damage import Damaged
from undrift.restoration.scratches import find_scratches


def photograph() -> np.ndarray:
    """(3, 256, 256) float32 of a picture that comes inside scikit-image."""
    from skimage import data

    return data.coffee()[60:316, 150:406].transpose(2, 0, 1).astype(np.float32) / 255


def test_drawn_scratches_are_found_again() -> None:
    x = photograph()
    for tone in (0.0, 1.0):
        link = Damaged("scratches:6", tone, 0.8, seed=5)
        y, mask = link(x), link.mask((256, 256)) > 0
        found = find_scratches(y)
        seen = mask & (np.abs(y - x).mean(0) > 0.1)  # what stands out at all
        near = binary_dilation(mask, iterations=2)
        assert found[seen].mean() > 0.6
        assert near[found].mean() > 0.6
    assert find_scratches(x).mean() < 0.03  # of the grain of the table


def test_a_line_and_a_speck_of_dust_on_a_smooth_ground() -> None:
    rows, columns = np.mgrid[:128, :160] / 160
    x = (0.3 + 0.4 * rows * columns)[None].astype(np.float32)
    assert not find_scratches(x).any()
    y = x.copy()
    y[0, :, 70:72] += 0.15  # two pixels wide, all the way down
    y[0, 40:43, 120:123] = 0.0
    found = find_scratches(y)
    assert found[5:-5, 70:72].all()
    assert binary_dilation(found, np.ones((3, 3)))[40:43, 120:123].all()  # --grow 1
    assert found.sum() < 2 * 128 * 2 + 40


def test_inpainting_by_what_is_found(denoise_model: str) -> None:
    rng = np.random.default_rng(0)
    smooth = np.full((64, 96, 3), 0.5, np.float32) + 0.002 * rng.standard_normal((64, 96, 3))
    x = smooth.astype(np.float32)
    scratched = x.copy()
    scratched[:, 40] = 0.9
    made = undrift.inpaint(scratched, mask="scratches", grow=1, method="biharmonic")
    assert np.abs(made.value[:, 40] - x[:, 40]).max() < 0.02
    np.testing.assert_array_equal(made.value[:, :30], scratched[:, :30])
    assert 0.02 < made.info["missing"] < 0.06
    with pytest.raises(InputError, match="has no scratches or dust"):
        undrift.inpaint(x, mask="scratches", model=denoise_model)

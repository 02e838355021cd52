"""Masks and trajectories of MRI: fastMRI's and SigPy's own, bit for bit, and what they promise."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError, UsageError
from undrift.medical.mri.masks import KINDS, line_mask, seed_of
from undrift.medical.mri.planes import poisson_disc, pseudo_radial
from undrift.medical.mri.trajectories import radians, spokes

REFERENCE = Path(__file__).parents[1] / "reference" / "medical"
NAME = re.compile(r"(\w+?)_c([\d.]+)_a(\d)_w(\d+)_(s0|s123|off1)")


def test_masks_are_those_of_fastmri() -> None:
    stored = np.load(REFERENCE / "fastmri_masks.npz")
    bits = np.unpackbits(stored["bits"]).astype(bool)
    seen = set()
    for name, low in zip(stored["names"], stored["low"], strict=True):
        found = NAME.fullmatch(str(name))
        assert found is not None
        kind, centre, acceleration, lines, how = found.groups()
        mask = line_mask(
            kind,
            int(lines),
            int(acceleration),
            float(centre),
            (1, 2, 3) if how == "s123" else 0,
            1 if how == "off1" else None,
        )
        assert np.array_equal(mask, bits[: int(lines)]), name
        if low >= 0:
            first = (int(lines) - low + 1) // 2
            assert mask[first : first + low].all()
        bits = bits[int(lines) :]
        seen.add(kind)
    assert seen == set(KINDS)


def test_accelerations() -> None:
    """The nominal ones are reached by the kinds that count the centre, and missed by the others."""
    assert line_mask("equispaced_fraction", 320, 4).sum() == 80
    assert 320 / line_mask("equispaced", 320, 4).sum() == pytest.approx(3.2, abs=0.1)
    many = [line_mask("random", 320, 8, seed=k).mean() for k in range(200)]
    assert np.mean(many) == pytest.approx(1 / 8, abs=0.004)  # deviation of the mean: .0012
    assert line_mask("random", 64, 1).all() and line_mask("magic_fraction", 64, 4, 0.5).sum() == 16
    assert seed_of("ab") == (97, 98)
    assert not np.array_equal(
        line_mask("random", 320, seed=seed_of("a.h5")), line_mask("random", 320, seed=seed_of("b"))
    )


def test_masks_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"'randon' is not one of random.*random"):
        line_mask("randon", 64)
    for numbers in ((1, 4, 0.1), (64, 0, 0.1), (64, 4, 0.0), (64, 4, 1.5)):
        with pytest.raises(InputError, match="expected 2 lines or more"):
            line_mask("random", *numbers)
    with pytest.raises(InputError, match="acceleration from 1"):
        poisson_disc((8, 8), 0.5)
    with pytest.raises(InputError, match="1 or more"):
        pseudo_radial((8, 8), 0)


@pytest.mark.parametrize("acceleration", [4, 8])
def test_poisson_discs(acceleration: float) -> None:
    """The right number of samples, none in the corners, far from one another outside, the same
    for the same seed."""
    mask = poisson_disc((64, 48), acceleration, (6, 6), seed=3)
    assert mask.size / mask.sum() == pytest.approx(acceleration, rel=0.03)
    assert mask[29:35, 21:27].all() and not mask[0, 0] and not mask[-1, -1]
    rows, columns = np.nonzero(mask)
    r = np.hypot((rows - 32) / 32, (columns - 24) / 24)
    assert r.max() <= 1
    outer = np.stack([rows, columns], 1)[r > 0.7]
    apart = np.hypot(*(outer[:, None] - outer).transpose(2, 0, 1)) + 99 * np.eye(len(outer))
    inner = np.stack([rows, columns], 1)[(r > 0.15) & (r < 0.4)]
    near = np.hypot(*(inner[:, None] - inner).transpose(2, 0, 1)) + 99 * np.eye(len(inner))
    assert apart.min() > near.min() and apart.min() > 1
    assert np.array_equal(mask, poisson_disc((64, 48), acceleration, (6, 6), seed=3))
    assert not np.array_equal(mask, poisson_disc((64, 48), acceleration, (6, 6), seed=4))


def test_spokes_are_those_of_sigpy() -> None:
    stored = np.load(REFERENCE / "sigpy_radial.npz")
    assert np.abs(spokes(5, 8, 8) - stored["golden"]).max() < 1e-12
    assert np.abs(spokes(5, 8, 8, golden=False) - stored["uniform"]).max() < 1e-12


def test_spokes_through_the_centre() -> None:
    """Each is a straight line over the centre; at the golden angle no two directions come close."""
    lines = spokes(34, 16, 16, through=True)
    assert np.abs(lines[:, 8]).max() < 1e-12 and np.abs(lines).max() <= 8
    angles = np.sort(np.arctan2(*lines[:, -1].T) % np.pi)
    gaps = np.diff(angles, append=angles[0] + np.pi)
    # Golden angles of a Fibonacci number of spokes leave gaps of at most two sizes, ratio phi.
    assert gaps.max() / gaps.min() < 1.62
    even = np.sort(np.arctan2(*spokes(5, 8, 8, golden=False, through=True)[:, -1].T) % np.pi)
    assert np.diff(even) == pytest.approx(np.pi / 5)
    found = radians(spokes(2, 4, 8), (8, 8))
    assert found.shape == (8, 2) and float(found.abs().max()) < torch.pi
    assert found[1].tolist() == pytest.approx([0, 2 * np.pi / 8])


def test_pseudo_radial_masks() -> None:
    mask = pseudo_radial((32, 32), 8)
    assert mask[16, 16] and mask[16, :].sum() >= 16
    rows, columns = np.nonzero(mask)
    # every point is within half a pixel's diagonal of one of the eight lines
    directions = spokes(8, 4, 32, through=True)[:, -1]
    directions /= np.hypot(*directions.T)[:, None]
    away = np.abs(np.outer(rows - 16, directions[:, 1]) - np.outer(columns - 16, directions[:, 0]))
    assert away.min(1).max() <= 0.5 * 2**0.5 + 1e-9

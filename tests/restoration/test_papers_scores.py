"""Protocols of papers against the definitions written down a second time, and closed forms."""

import dataclasses

import independent_scores as independent
import numpy as np
import pytest
from skimage.color import xyz2lab

from undrift.common.errors import InputError
from undrift.restoration.papers.fixed_pair import shade, weave
from undrift.restoration.papers.picture_scores import Protocol, imresize
from undrift.restoration.papers.shadow_scores import lab, shadow_scores

PROTOCOLS = [
    Protocol("luma", border=4),
    Protocol("rgb", border=4, centre=64),
    Protocol("rounded luma"),
    Protocol("rounded luma", side=64),
    Protocol("rgb", structure="square", centre=64),
    Protocol("rgb", side=48, exact=True, structure="volume"),
    Protocol("rgb", side=48, structure="volume"),
]


def again(protocol: Protocol, x: np.ndarray, ref: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM by the independent program."""
    pair = []
    for value in (x, ref):
        if protocol.centre:
            top, left = ((n - protocol.centre) // 2 for n in value.shape[1:])
            value = value[:, top : top + protocol.centre, left : left + protocol.centre]
        if protocol.side:
            value = independent.resize(value, protocol.side, rounds=not protocol.exact)
        if protocol.space != "rgb":
            value = independent.luminance(value, rounds=protocol.space == "rounded luma")
        b = protocol.border
        pair.append(value[:, b : value.shape[1] - b, b : value.shape[2] - b].astype(float))
    left, right = pair
    return independent.ratio(left, right), independent.similarity(left, right, protocol.structure)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_every_protocol_gives_what_its_definition_gives(protocol: Protocol) -> None:
    clean, degraded = weave()
    found = protocol.scores(degraded, clean)
    expected = again(protocol, degraded, clean)
    assert (found["PSNR"], found["SSIM"]) == pytest.approx(expected, abs=1e-9)


def test_a_constant_difference_has_a_closed_form() -> None:
    """20 log10(255/d); luma is 219/255 of grey, and the rounded one of 0 and 51 is 16 and 60."""
    clean = np.zeros((3, 20, 30), np.uint8)
    other = clean + np.uint8(51)
    assert Protocol().scores(other, clean)["PSNR"] == pytest.approx(20 * np.log10(5))
    smooth = Protocol("luma").scores(other, clean)["PSNR"]
    assert smooth == pytest.approx(20 * np.log10(5 * 255 / 219))
    rounded = Protocol("rounded luma").scores(other, clean)["PSNR"]
    assert rounded == pytest.approx(20 * np.log10(255 / 44))
    assert Protocol().scores(other, other)["PSNR"] == np.inf
    assert Protocol(structure="volume").scores(other, other)["SSIM"] == pytest.approx(1)


def test_rounded_luma_is_that_of_matlab() -> None:
    """rgb2ycbcr of pure colours: 81, 145, 41, and 235 for white."""
    expected = {(255, 0, 0): 81, (0, 255, 0): 145, (0, 0, 255): 41, (255, 255, 255): 235}
    for colour, y in expected.items():
        picture = np.tile(np.array(colour, np.uint8)[:, None, None], (1, 2, 2))
        assert (255 * Protocol("rounded luma").prepared(picture)).round(9).tolist() == [
            [[y] * 2] * 2
        ]


def test_the_border_and_the_centre_decide_what_counts() -> None:
    clean = np.zeros((3, 64, 64), np.uint8)
    framed = clean.copy()
    framed[:, :4] = framed[:, -4:] = framed[:, :, :4] = framed[:, :, -4:] = 255
    assert Protocol(border=4).scores(framed, clean)["PSNR"] == np.inf
    assert Protocol(border=3).scores(framed, clean)["PSNR"] < 20
    assert Protocol(centre=56).scores(framed, clean)["PSNR"] == np.inf
    with pytest.raises(InputError, match="65 pixels does not fit"):
        Protocol(centre=65).scores(clean, clean)


def test_a_clean_picture_is_brought_to_the_size_of_the_restored_one() -> None:
    clean, _ = weave()
    small = np.rint(255 * imresize(clean, (48, 64))).astype(np.uint8)
    assert Protocol().scores(small, clean)["PSNR"] == np.inf


def test_what_is_no_8_bit_colour_picture_is_refused() -> None:
    good = np.zeros((3, 16, 16), np.uint8)
    for bad in (good / 255, good[:1], good[0]):
        with pytest.raises(InputError, match="8-bit colour"):
            Protocol().scores(bad, good)


def test_lab_is_that_of_skimage_for_the_white_of_d50() -> None:
    colours = np.random.default_rng(0).random((3, 4, 5))
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    bradford = [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169],
                [0.0139322, 0.0971045, 0.7141733]]  # fmt: skip
    xyz = np.einsum("ij,jhw->hwi", bradford, linear)
    expected = xyz2lab(xyz, illuminant="D50").transpose(2, 0, 1)
    np.testing.assert_allclose(lab(colours), expected, atol=0.02)
    grey = lab(np.full((3, 1, 1), 0.5))[:, 0, 0]
    assert grey == pytest.approx([53.389, 0, 0], abs=1e-3)


def test_regions_of_shadow() -> None:
    """Equal outside the shadow, grey levels 128 and 64 inside: distances of L alone."""
    clean = np.full((3, 32, 32), 128, np.uint8)
    restored, mask = clean.copy(), np.zeros((32, 32), np.uint8)
    restored[:, :8], mask[:8] = 64, 255
    found = shadow_scores(restored, clean, mask, side=None)
    gap = abs(float(np.diff(lab(np.array([64, 128]) / 255 * np.ones((3, 1, 1)))[0, 0])[0]))
    assert found["MAE shadow"] == pytest.approx(gap)
    assert found["MAE all"] == pytest.approx(gap / 4)
    assert found["MAE non-shadow"] == 0
    assert found["PSNR non-shadow"] == np.inf
    whole = 20 * np.log10(255 / 64) + 10 * np.log10(4)  # a quarter of the pixels differs
    assert found["PSNR shadow"] == pytest.approx(whole)
    assert found["PSNR all"] == pytest.approx(whole)
    with pytest.raises(InputError, match="one region only"):
        shadow_scores(restored, clean, np.zeros_like(mask))


@pytest.mark.parametrize("side", [None, 40])
def test_scores_by_region_are_those_of_the_definition(side: int | None) -> None:
    (clean, degraded), mask = weave(48, 64), shade(48, 64)
    found = shadow_scores(degraded, clean, mask, side)
    assert found == pytest.approx(independent.by_region(degraded, clean, mask, side), abs=1e-9)


def test_protocols_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Protocol().border = 1  # type: ignore[misc]

"""Phase retrieval: small pictures are found, turns are aligned, what is refused."""

import numpy as np
import pytest
import torch
from pictures import smooth

from undrift.common.errors import InputError, UsageError
from undrift.restoration.degrade_operators import Diffracted
from undrift.restoration.phase import Moduli, aligned, retrieve

# Few valleys: a picture with dark surroundings, as of objects in coherent light.
OBJECT = np.zeros((24, 24))
OBJECT[4:20, 6:18] = smooth(16, 12)[..., 0]
OBJECT[8:12, 9:15] = 0.95


def modulus(picture: np.ndarray) -> np.ndarray:
    return Diffracted()(torch.from_numpy(picture)[None]).numpy()


def test_an_object_is_found_up_to_a_turn() -> None:
    found = retrieve(modulus(OBJECT), noise=0.001, starts=12, rounds=400)
    near = aligned(found.value[None], OBJECT[None])[0]
    assert -10 * np.log10(np.square(near - OBJECT).mean()) > 30
    assert found.info["chi"] < 5


def test_turned_and_moved_pictures_have_the_same_modulus_and_are_put_back() -> None:
    turned = OBJECT[::-1, ::-1].copy()
    np.testing.assert_allclose(modulus(turned), modulus(OBJECT), atol=1e-12)
    np.testing.assert_array_equal(aligned(turned[None], OBJECT[None])[0], OBJECT)
    np.testing.assert_array_equal(aligned(OBJECT[None], OBJECT[None])[0], OBJECT)
    moved = np.roll(turned, (3, -4), (0, 1))
    np.testing.assert_allclose(modulus(moved), modulus(OBJECT), atol=1e-12)
    np.testing.assert_array_equal(aligned(moved[None], OBJECT[None])[0], OBJECT)


def test_the_projection_has_the_modulus_and_keeps_what_fits() -> None:
    y = torch.from_numpy(np.fft.ifftshift(modulus(OBJECT), axes=(-2, -1)))[:, None]
    moduli = Moduli(y, 24)
    any_ = torch.randn(1, 2, 48, 48, generator=torch.Generator().manual_seed(0)).double()
    projected = moduli.projected(any_)
    assert float(moduli.residual(projected).max()) < 1e-10
    wide = torch.zeros(1, 1, 48, 48, dtype=torch.float64)
    wide[0, 0, :24, :24] = torch.from_numpy(OBJECT)
    torch.testing.assert_close(moduli.projected(wide), wide, atol=1e-10, rtol=0)
    torch.testing.assert_close(moduli.hybrid(wide, 3), wide, atol=1e-8, rtol=0)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"modulus": np.ones((8, 9))}, InputError, "expected"),
        ({"modulus": np.full((8, 8), np.nan)}, InputError, "not finite"),
        ({"modulus": np.zeros((8, 8))}, InputError, "0 everywhere"),
        ({"modulus": np.ones((8, 8)), "oversample": 1.0}, UsageError, "more than 1"),
        ({"modulus": np.ones((8, 8)), "noise": -1.0}, UsageError, "0 or more"),
        ({"modulus": np.ones((9, 9)), "oversample": 3.0}, InputError, ""),
    ],
)
def test_what_cannot_be(given: dict, error: type[Exception], said: str, denoise_model: str) -> None:
    if said == "":
        given = {**given, "modulus": np.ones((2, 2)), "oversample": 40.0}
        said = "no picture gives"
    with pytest.raises(error, match=said):
        retrieve(**given, model=denoise_model)

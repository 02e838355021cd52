"""Only wishes matter: tiles, batches and numbers of samples do not, and info repeats a run."""

import json

import numpy as np
import pytest
from pictures import pixels, smooth

from undrift.restoration.tasks import denoise, sr

REPEATED = ("preset", "steps", "solver", "samples", "seed", "item", "device", "dtype", "tile")


@pytest.mark.parametrize("preset", ["fast", "best"])
@pytest.mark.parametrize("samples", [None, 2])
def test_info_repeats_the_run(denoise_model: str, preset: str, samples: int | None) -> None:
    given = (pixels(24, 31, 3) * 255).astype(np.uint8)
    first = denoise(given, model=denoise_model, preset=preset, samples=samples, seed=4, item="x")
    info = json.loads(json.dumps(dict(first.info)))
    again = denoise(
        given, model=denoise_model, sigma=info["sigma"], **{key: info[key] for key in REPEATED}
    )
    assert np.array_equal(again.value, first.value)
    assert all(np.array_equal(*pair) for pair in zip(again.samples, first.samples, strict=True))
    assert {**again.info, "seconds": 0, "sigma_given": 0} == {
        **first.info, "seconds": 0, "sigma_given": 0,
    }  # fmt: skip


def test_info_repeats_an_enlargement(sr_model: str) -> None:
    given = (pixels(15, 14) * 255).astype(np.uint8)
    first = sr(given, scale=2.5, model=sr_model, preset="best", samples=2, tile="off")
    info = json.loads(json.dumps(dict(first.info)))
    wishes = {key: info[key] for key in REPEATED}
    again = sr(given, scale=info["scale"], model=sr_model, **wishes)
    assert info["tile"] == "off"
    assert np.array_equal(again.value, first.value)


@pytest.mark.parametrize("solver", ["ddim", "sde-multistep-2"])
@pytest.mark.parametrize("grey", [False, True])
def test_tiles_and_batches_change_nothing(
    denoise_model: str, sr_model: str, grey: bool, solver: str
) -> None:
    given = pixels(83, 70) if grey else pixels(83, 70, 3)
    small = given[:37, :30]
    worst = 0.0
    for task, picture, own in ((denoise, given, {"sigma": 30}), (sr, small, {"scale": 2.3})):
        model = denoise_model if task is denoise else sr_model
        wishes = {"solver": solver, "steps": 2, "samples": 2 if solver[0] == "s" else 1}
        whole = task(picture, model=model, tile="off", **own, **wishes)
        for tile, batch in ((64, 1), (32, 8), (256, 1), ((17, 40), 2), ("auto", 1)):
            part = task(picture, model=model, tile=tile, batch=batch, **own, **wishes)
            worst = max(worst, float(np.abs(part.value - whole.value).max()))
            assert part.info["chi"] == pytest.approx(whole.info["chi"] or 0, abs=1e-3) or (
                whole.info["chi"] is None
            )
    assert worst <= 1e-5


def test_symmetries_go_with_tiles(denoise_model: str) -> None:
    """A turned picture is tiled otherwise, and "off" means whole for it too.

    Its blocks are those of the straight one only where the sides are whole blocks.
    """
    given = pixels(84, 44, 3)
    whole, odd, even = (
        denoise(given, sigma=30, model=denoise_model, preset="best", tile=tile).value
        for tile in ("off", (40, 16), 64)
    )
    assert max(np.abs(odd - whole).max(), np.abs(even - whole).max()) <= 1e-5
    turned = denoise(given[::-1, ::-1], sigma=30, model=denoise_model, preset="best").value
    plain = denoise(given, sigma=30, model=denoise_model, steps=4, solver="multistep-2").value
    np.testing.assert_allclose(turned[::-1, ::-1], whole, atol=1e-5)
    assert np.abs(plain - whole).max() > 1e-3


def test_samples_do_not_depend_on_their_number(sr_model: str) -> None:
    """Also where each needs its own number of back-projections."""
    given = (smooth(20, 24) * 255).astype(np.uint8)
    wishes = {"solver": "sde-multistep-2", "steps": 2, "model": sr_model, "scale": 3}
    one, two, four = (sr(given, samples=count, **wishes) for count in (1, 2, 4))
    assert np.array_equal(one.value, two.samples[0])
    assert all(np.array_equal(*pair) for pair in zip(two.samples, four.samples, strict=False))


@pytest.mark.parametrize("steps", [1, 4, 8, 12])
@pytest.mark.parametrize("sigma", [1.0, 5.0, 25.0])
def test_every_sigma_goes_with_every_number_of_steps(
    gaussian_model: str, sigma: float, steps: int
) -> None:
    for solver in ("ddim", "multistep-2", "sde-multistep-2"):
        result = denoise(
            pixels(16, 16), sigma=sigma, steps=steps, solver=solver, model=gaussian_model
        )
        assert np.isfinite(result.value).all()
        assert result.info["nfe"] == steps

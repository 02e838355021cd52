"""Reconstruction against exact posteriors, consistent data, and maps that know their answer."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny import SMALL

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.networks import build_network
from undrift.common.operators import check_adjoint, dense_matrix
from undrift.common.operators.radon import FanBeam, Radon
from undrift.common.operators.stored import StoredBeams
from undrift.common.processes.variance_preserving import VariancePreserving
from undrift.medical.ct.files import write_sinogram
from undrift.medical.ct.geometry import Fan, Parallel, evenly
from undrift.medical.ct.methods import WINDOW, Model
from undrift.medical.ct.sart import sart
from undrift.medical.ct.sinogram import Sinogram
from undrift.medical.ct.slices import ScannedSlices, from_rows, in_numbers
from undrift.medical.ct.tasks import reconstruct_ct
from undrift.medical.ct.units import hu_to_mu
from undrift.medical.volumes import read_volume

GEOMETRIES = [
    Parallel(evenly(7)).for_image((9, 12), (2.0, 2.0)),
    Fan(evenly(9, 360.0), source=60.0, detector=40.0).for_image((9, 12), (2.0, 2.0)),
]


def gaussian_prior(mean, variance):
    """The exact denoiser of independent normals."""
    process = VariancePreserving()

    def denoise(x, t, y=None, level=None):
        time = torch.as_tensor(t, dtype=torch.float64)
        a, s = float(process.a(time)), float(process.s(time))
        gain = variance * a / (a**2 * variance + s**2)
        return Estimate(mean + gain.to(x) * (x - a * mean))

    return denoise, process, float(variance.mean() ** 0.5)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["parallel", "fan"])
def test_adjoint_of_slices(geometry):
    assert check_adjoint(ScannedSlices(geometry, 3, 0.7)).error < 1e-10


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["parallel", "fan"])
def test_stored_weights_are_those_of_the_beams(geometry):
    beams = geometry.beams()
    stored = StoredBeams(beams, torch.float64)
    x = torch.randn(2, 1, 12, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = beams(x)
    torch.testing.assert_close(stored(x), y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(stored.adjoint(y), beams.adjoint(y), rtol=1e-12, atol=1e-12)
    assert isinstance(beams, FanBeam if isinstance(geometry, Fan) else Radon)
    assert torch.autograd.gradcheck(stored, x[:1].requires_grad_())


def test_slices_are_those_of_the_plane():
    geometry = GEOMETRIES[0]
    mu = np.random.default_rng(0).random((9, 12, 3)).astype(np.float32)
    found = ScannedSlices(geometry, 3)(torch.from_numpy(mu)[None].double())
    for k in range(3):
        plane = torch.from_numpy(np.ascontiguousarray(mu[:, ::-1, k].T)).double()
        torch.testing.assert_close(found[k], geometry.beams()(plane[None])[0], rtol=1e-5, atol=1e-5)
    assert np.array_equal(from_rows(mu.transpose(2, 1, 0)[:, ::-1]), mu)


def test_numbers_of_the_window_attenuate_as_their_hounsfield_units():
    geometry = GEOMETRIES[0]
    hu = np.random.default_rng(1).uniform(-1000, 2500, (9, 12, 2)).astype(np.float32)
    operator, zero = in_numbers(geometry, 2, WINDOW)
    numbers = torch.from_numpy((hu + 1024) / 1500 - 1)[None].double()
    wanted = ScannedSlices(geometry, 2)(torch.from_numpy(hu_to_mu(hu))[None].double())
    torch.testing.assert_close(operator(numbers) + zero, wanted, rtol=1e-4, atol=1e-4)


def test_samples_have_mean_and_spread_of_the_exact_posterior():
    geometry = Parallel(evenly(5), 9, 2.0).for_image((8, 7), (2.0, 2.0))
    generator = torch.Generator().manual_seed(3)
    mean, variance = torch.tensor(-0.3), 0.02 + 0.05 * torch.rand(1, 8, 7, 1, generator=generator)
    prior = gaussian_prior(mean, variance)
    x = mean + variance.sqrt() * torch.randn(1, 8, 7, 1, generator=generator)
    operator, zero = in_numbers(geometry, 1, WINDOW)
    sigma = 0.02
    clean = operator(x.double()) + zero
    p = clean + sigma * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    given = Sinogram(p.float().numpy(), geometry, sigma=sigma)
    found = reconstruct_ct(
        given, prior=prior, model_share=0.0, samples=16, steps=16, options={"iterations": 16}
    )
    a = dense_matrix(operator).double()
    v = variance.flatten().double()
    cross = v[:, None] * a.T
    gain = cross @ torch.linalg.inv(a @ cross + sigma**2 * torch.eye(len(a)).double())
    left = (p - zero).flatten() - a @ torch.full((56,), -0.3, dtype=torch.float64)
    exact = 1500 * (gain @ left - 0.3 + 1) - 1024
    std = 1500 * (v - (gain * cross).sum(1)).sqrt()
    off = (torch.from_numpy(found.value.array).flatten() - exact) / (std / 4)
    assert float(off.square().mean()) == pytest.approx(1, abs=0.9)  # 56 correlated values
    ratio = (torch.from_numpy(found.std).flatten() / std).square().mean()
    assert float(ratio) == pytest.approx(1, abs=0.25)  # 4 sigma of 56 x 15 correlated squares
    assert 0.5 < found.info["chi"] < 1.2 and found.info["views"] == 5
    assert found.value.units == "HU" and len(found.samples) == 16


def test_sart_reaches_consistent_data_and_stays_there():
    geometry = Parallel(evenly(24)).for_image((12, 12), (1.0, 1.0))
    mu = np.zeros((12, 12, 2), np.float32)
    mu[3:8, 4:9] = 0.02
    mu[5, 5, 1] = 0.05
    p = ScannedSlices(geometry, 2)(torch.from_numpy(mu)[None]).numpy()
    found = sart(p, geometry, rounds=60, relaxation=1.0)
    left = p - ScannedSlices(geometry, 2)(torch.from_numpy(found)[None]).numpy()
    assert np.abs(left).max() < 0.01 * p.max()
    assert np.abs(found - mu).mean() < 2e-4 and found.min() >= 0
    with pytest.raises(InputError, match="relaxation"):
        sart(p, geometry, relaxation=2.5)


@pytest.mark.parametrize(("views", "rounds"), [(12, 75), (60, 15), (400, 2)])
def test_sart_takes_up_as_many_views_whatever_their_number(views, rounds):
    geometry = Parallel(evenly(views)).for_image((4, 4), (1.0, 1.0))
    p = np.full((1, views, geometry.cells), 0.02, np.float32)
    found = reconstruct_ct(Sinogram(p, geometry, sigma=0.01), method="sart")
    assert found.info["options"]["rounds"] == rounds


def test_total_variation_finds_a_disc_from_few_views():
    geometry = Parallel(evenly(12)).for_image((32, 32), (3.0, 3.0))
    x = np.arange(32) - 15.5
    hu = np.where((x[:, None] - 3) ** 2 + x**2 < 100, 40.0, -1000.0).astype(np.float32)[..., None]
    p = ScannedSlices(geometry, 1)(torch.from_numpy(hu_to_mu(hu))[None].double()).float().numpy()
    given = Sinogram(p, geometry, sigma=0.003)
    error = {
        name: np.sqrt(
            np.mean((reconstruct_ct(given, method=name, model_share=0).value.array - hu) ** 2)
        )
        for name in ("fbp", "sart", "tv")
    }
    assert error["tv"] < 0.25 * error["fbp"] and error["sart"] < error["fbp"]


def test_null_space_map_is_zero_on_what_is_measured():
    whole = Parallel(evenly(40)).for_image((10, 10), (2.0, 2.0))
    rng = np.random.default_rng(0)
    hu = rng.uniform(-200, 200, (10, 10, 1)).astype(np.float32)

    def scanned(geometry, image):
        operator = ScannedSlices(geometry, 1)
        return operator(torch.from_numpy(hu_to_mu(image))[None].double()).float().numpy()

    full = reconstruct_ct(Sinogram(scanned(whole, hu), whole, sigma=0.01), method="sart", steps=40)
    assert full.info["null_space_share"] < 0.01
    part = Parallel(evenly(6, 60.0), 13).for_image((10, 10), (2.0, 2.0))
    cut = reconstruct_ct(Sinogram(scanned(part, hu), part, sigma=0.01), method="sart", steps=40)
    operator = ScannedSlices(part, 1)
    seen = operator.adjoint(torch.from_numpy(rng.standard_normal(operator.shape_out)))[0].numpy()
    from undrift.medical.honesty.invented import null_space_map

    own = null_space_map(operator, torch.from_numpy(seen)[None], 1e-8, 400)
    assert own.share < 1e-3  # an image of the row space holds nothing invented
    white = null_space_map(operator, torch.from_numpy(rng.standard_normal((1, 10, 10, 1))))
    assert white.share > 0.35  # 78 rays leave at least 22 of 100 directions open
    assert cut.invented.shape == (10, 10, 1) and np.all(cut.invented >= 0)


def test_chi_and_residual_tell_a_right_model_from_a_wrong_one():
    geometry = Parallel(evenly(30)).for_image((16, 16), (2.0, 2.0))
    hu = np.full((16, 16, 1), -1000, np.float32)
    hu[4:12, 5:11] = 30
    p = ScannedSlices(geometry, 1)(torch.from_numpy(hu_to_mu(hu))[None].double()).float().numpy()
    noisy = p + 0.02 * np.random.default_rng(0).standard_normal(p.shape).astype(np.float32)
    right = reconstruct_ct(
        Sinogram(noisy, geometry, sigma=0.02), method="sart", steps=20, model_share=0
    )
    assert right.info["chi"] < 1.1
    wrong = reconstruct_ct(
        Sinogram(1.3 * noisy + 0.1, geometry, sigma=0.02), method="sart", steps=2, model_share=0
    )
    assert wrong.info["chi"] > 1.5 and any("chi" in w for w in wrong.info["warnings"])
    assert wrong.residual.max() > right.residual.max()


def test_without_weights_a_user_is_told_what_to_do(monkeypatch):
    def missing(*_):
        raise InputError("no model 'ct-prior'")

    monkeypatch.setattr("undrift.common.weights.model.load_model", missing)
    given = Sinogram(np.zeros((1, 3, 7), np.float32), Parallel(evenly(3), 7, 1.0), sigma=0.1)
    with pytest.raises(MissingExtraError, match=r"undrift train ct-prior.*'tv'"):
        reconstruct_ct(given)


def test_a_network_of_pictures_is_no_prior_of_volumes():
    network = build_network("local-nafnet", {**SMALL, "inputs": 1, "outputs": 1})
    prior = Denoiser(network, VariancePreserving(), "balanced", Scaling(1.0, centre=0.0))
    given = Sinogram(np.ones((1, 3, 7), np.float32), Parallel(evenly(3), 7, 1.0), sigma=0.1)
    with pytest.raises(UsageError, match="network of two dimensions"):
        reconstruct_ct(given, prior=prior)


def test_bad_calls_are_refused():
    values = np.zeros((3, 7), np.float32)
    with pytest.raises(UsageError, match="geometry="):
        reconstruct_ct(values)
    with pytest.raises(UsageError, match="sart"):
        reconstruct_ct(values, Parallel(evenly(3)), method="sirt")
    with pytest.raises(UsageError, match="type list"):
        reconstruct_ct(values, [1, 2])
    with pytest.raises(InputError, match="fan"):
        reconstruct_ct(values, {"kind": "cone", "angles": [0, 1, 2]})
    with pytest.raises(UsageError, match="how noisy"):
        reconstruct_ct(values, Parallel(evenly(3)), method="tv")
    found = reconstruct_ct(values, Parallel(evenly(3)), method="fbp")
    assert found.info["chi"] is None and found.residual is None
    np.testing.assert_allclose(found.value.array, -1000)


def test_the_model_turns_numbers_into_hounsfield_units_and_back():
    given = Sinogram(np.zeros((2, 3, 7), np.float32), Parallel(evenly(3), 7, 1.0), sigma=0.1)
    model = Model.of(given.for_image(), 0.2)
    hu = np.random.default_rng(0).uniform(-1000, 3000, (7, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(model.hu(model.numbers(hu)), hu, atol=1e-3)


def test_command_writes_volume_record_and_maps(tmp_path):
    from undrift.medical.ct.cli import recon_ct

    geometry = Parallel(evenly(20)).for_image((16, 14), (2.0, 2.0))
    hu = np.full((16, 14, 3), -1000, np.float32)
    hu[4:12, 4:10, 1] = 50
    p = ScannedSlices(geometry, 3)(torch.from_numpy(hu_to_mu(hu))[None].double()).float().numpy()
    scan = Sinogram(p, geometry, photons=1e5, thickness=4.0)
    write_sinogram(tmp_path / "in" / "scan.h5", scan)
    (tmp_path / "in" / "broken.npz").write_bytes(b"no")
    run = CliRunner().invoke(
        recon_ct, [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--method", "tv"]
    )
    assert run.exit_code != 0 and "broken" in run.output + str(run.exception)
    out = tmp_path / "out" / "scan.nii.gz"
    volume = read_volume(out)
    assert volume.grid == (16, 14, 3) and volume.spacing == pytest.approx((2, 2, 4))
    assert volume.array[7, 7, 1] == pytest.approx(50, abs=60)
    assert volume.array[2, 2, 1] == pytest.approx(-1000, abs=60)
    record = (tmp_path / "out" / "scan.json").read_text()
    assert '"Synthetic": true' in record and "research" in record and '"method": "tv"' in record
    for name in ("residual", "invented"):
        assert read_volume(tmp_path / "out" / f"scan.{name}.nii.gz").grid == (16, 14, 3)
    assert not (tmp_path / "out" / "scan.std.nii.gz").exists()


def test_the_shipped_prior_by_command_with_a_record_of_plain_words(tmp_path):
    from undrift.medical.ct.cli import recon_ct

    geometry = Parallel(evenly(12)).for_image((16, 16), (3.0, 3.0))
    hu = np.full((16, 16, 2), -1000, np.float32)
    hu[4:12, 4:12] = 40
    p = ScannedSlices(geometry, 2)(torch.from_numpy(hu_to_mu(hu))[None].double()).float().numpy()
    write_sinogram(tmp_path / "scan.npz", Sinogram(p, geometry, photons=1e5, thickness=3.0))
    words = [str(tmp_path / "scan.npz"), "-o", str(tmp_path / "out.nii.gz"), "--samples", "2"]
    words += ["--steps", "3", "--report", str(tmp_path / "page.html")]
    run = CliRunner().invoke(recon_ct, words, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    record = json.loads((tmp_path / "out.json").read_text())["Made"]
    assert all(isinstance(v, int | float | str | None) for v in record["options"].values())
    assert record["samples"] == 2 and record["model"] == "ct-prior"
    made = read_volume(tmp_path / "out.nii.gz").array  # three steps tell tissue from air
    assert made[6:10, 6:10].min() > -300 and made[:2, :2].max() < -700
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image") >= 3  # planes of the plain inverse, of the result, all maps
    assert read_volume(tmp_path / "out.fbp.nii.gz").grid == (16, 16, 2)


def test_voxels_and_fields_unlike_the_training_of_the_prior_are_told(tmp_path):
    """The shipped prior knows voxels of 1.8 to 4.2 mm and fields of 60 to 400 mm."""
    from undrift.medical.ct.cli import recon_ct

    def scan(pixel, slices=1):
        geometry = Parallel(evenly(6)).for_image((24, 16), (pixel, pixel))
        p = np.zeros((slices, 6, geometry.cells), np.float32)
        return Sinogram(p, geometry, photons=1e5, thickness=2.0)

    def told(*given, **more):
        found = reconstruct_ct(scan(*given), samples=1, steps=2, **more)
        return [text for text in found.info["warnings"] if "trained on" in text]

    (field,) = told(3.0)
    assert field.startswith("a field of view of 72 x 48 mm, the model was trained on 60 to 400 mm")
    pixels, field = told(6.0, 2)
    assert pixels.startswith("voxels of 6 x 6 x 2 mm, the model was trained on 1.8 to 4.2 mm")
    assert field.startswith("a field of view of 144 x 96 x 4 mm")
    assert told(4.0) == [] and told(6.0, method="fbp") == []
    write_sinogram(tmp_path / "scan.npz", scan(5.0))
    words = [str(tmp_path / "scan.npz"), "-o", str(tmp_path / "out.nii.gz"), "--samples", "1"]
    run = CliRunner().invoke(recon_ct, [*words, "--steps", "2"], catch_exceptions=False)
    assert "voxels of 5 x 5 mm" in run.stderr
    assert "voxels of 5 x 5 mm" in json.loads((tmp_path / "out.json").read_text())["Warnings"][0]

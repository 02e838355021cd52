"""K-space files in, volumes out: fastMRI's layout and .npz, through the calls and the commands."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from mri_toys import complex_normal, unit_maps
from tiny import SMALL, write_model

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.medical import Volume, reconstruct_mri
from undrift.medical.mri.files import read_kspace
from undrift.medical.mri.models import cartesian, to_channels
from undrift.medical.volumes import write_fastmri

# Readout: 64 samples of 2 mm, twice the wanted 64 mm; phase: 40 lines of 2.5 mm, wanted 65 mm.
HEAD = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace><matrixSize><x>64</x><y>40</y><z>1</z></matrixSize>
<fieldOfView_mm><x>128.0</x><y>100.0</y><z>4.5</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>32</x><y>26</y><z>1</z></matrixSize>
<fieldOfView_mm><x>64.0</x><y>65.0</y><z>4.5</z></fieldOfView_mm></reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>37</maximum>
<center>19</center></kspace_encoding_step_1></encodingLimits>
</encoding></ismrmrdHeader>"""
MODEL = {
    "id": "tiny-complex",
    "domain": "medical",
    "task": "prior",
    "process": {"name": "variance-preserving"},
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.35, "mean": 0.0, "std": 1.0, "centre": 0.0},
    "network": {"name": "local-nafnet", "params": {**SMALL, "inputs": 2, "outputs": 2}},
    "presets": {
        name: {"solver": "ddim", "steps": 1} for name in ("fast", "balanced", "best")
    },
}  # fmt: skip
SIGMA = 0.02


def load(path: Path) -> Any:
    return nib.load(path)


def images() -> torch.Tensor:
    """Two slices (readout, phase), an ellipse with an odd corner so that no flip passes."""
    y, x = torch.meshgrid(torch.arange(64.0) - 32, torch.arange(40.0) - 20, indexing="ij")
    one = torch.where((y / 14) ** 2 + (x / 11) ** 2 < 1, 5.0, 0.0)
    one = one + torch.where((y + 6).abs() + (x - 4).abs() < 4, 3.0, 0.0)
    return torch.stack([one, 0.5 * one]).double() * torch.exp(0.03j * x)


def kspace() -> torch.Tensor:
    """(2, 4, 64, 40); lines outside of the padding of the head, 1 to 38, hold rubbish."""
    model = cartesian(unit_maps(4, 64, 40), torch.ones(40), (64, 40))
    clean = model(to_channels(images()[:, None]))
    noisy = clean + 2**0.5 * SIGMA * complex_normal(*clean.shape, seed=1)
    noisy[..., 0] = 50
    noisy[..., 39] = -50
    return noisy


@pytest.fixture(scope="module")
def fastmri(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mri") / "file1.h5"
    write_fastmri(
        path,
        {"kspace": kspace().to(torch.complex64).numpy(), "ismrmrd_header": HEAD},
        {"acquisition": "AXT2", "max": 5.0},
    )
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.safetensors", MODEL, last=0.0)


def truth() -> np.ndarray:
    """(x, y, z): phase, readout, slice; the wanted field of view of the magnitudes."""
    return images().abs()[:, 16:48, 7:33].numpy().transpose(2, 1, 0)


def test_a_fastmri_file_is_reconstructed(fastmri: Path) -> None:
    """Values, grid and millimetres; the readout's oversampling and unencoded lines are left out."""
    found = reconstruct_mri(fastmri, method="cg-sense")
    volume = found.value
    assert isinstance(volume, Volume) and volume.grid == (26, 32, 2)
    assert volume.spacing == pytest.approx((2.5, 2.0, 4.5))
    inside = truth() > 0
    error = np.abs(volume.array - truth())[inside]
    assert np.median(error) < 0.05 and found.info["shape"] == [2, 4, 32, 40]
    # noise was read off the file, in each part of a sample
    assert found.info["noise"] == pytest.approx([SIGMA] * 4, rel=0.2)
    assert found.info["acceleration"] == pytest.approx(40 / 38, abs=1e-3)
    assert found.residual.shape == found.invented.shape == volume.grid


def test_the_command_writes_volume_record_and_maps(
    fastmri: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.nii.gz"
    call = ["medical", "recon-mri", str(fastmri), "-o", str(out), "--model", model, "-q"]
    assert main([*call, "--samples", "2", "--steps", "10"]) == 0
    image = load(out)
    assert np.allclose(image.affine, np.diag([2.5, 2.0, 4.5, 1]))
    assert image.header.get_zooms() == pytest.approx((2.5, 2.0, 4.5))
    assert image.header.get_xyzt_units()[0] == "mm"
    found = np.asanyarray(image.dataobj)
    assert np.median(np.abs(found - truth())[truth() > 0]) < 0.1
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["Synthetic"] is True and record["Made"]["model"] == "tiny-complex"
    assert record["Made"]["method"] == "posterior" and 0.5 < record["Made"]["chi"] < 1.5
    for name in ("std", "residual", "invented"):
        beside = load(tmp_path / f"out.{name}.nii.gz")
        assert beside.shape == (26, 32, 2) and np.allclose(beside.affine, image.affine)
    assert np.asanyarray(load(tmp_path / "out.std.nii.gz").dataobj).min() > 0
    assert main([*call, "--samples", "2", "--steps", "10"]) == 0  # done: nothing is made again
    lines = (tmp_path / ".undrift.jsonl", tmp_path / "undrift.jsonl")
    text = next(path for path in lines if path.exists()).read_text()
    assert sum('"written"' in line for line in text.splitlines()) == 1


def test_pixels_unlike_the_training_of_the_prior_are_told(
    fastmri: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines are 2.5 mm apart, 100 mm in all; the thickness of slices counts where they are one."""
    ranges = {
        "modality": "mr", "spacing": [1.0, 2.3], "fov": [60, 260],
        "intensity": {"kind": "robust-maximum"},
    }  # fmt: skip
    volumes = {"name": "local-nafnet3d", "params": {**SMALL, "inputs": 2, "outputs": 2}}
    header = {**MODEL, "signal": ranges, "network": volumes}
    strange = write_model(tmp_path / "strange.safetensors", header, last=0.0)
    call = ["medical", "recon-mri", str(fastmri), "--model", strange, "--samples", "1"]
    pixels = "voxels of 2 x 2.5 mm, the model was trained on 1 to 2.3 mm"
    assert main([*call, "-o", str(tmp_path / "a.nii.gz"), "--steps", "1"]) == 0
    assert pixels in capsys.readouterr().err
    (told,) = [w for w in warnings_of(tmp_path / "a.json") if "trained on" in w]
    assert told.startswith(pixels)
    more = ["--steps", "1", "--together", "-q"]
    assert main([*call, "-o", str(tmp_path / "b.nii.gz"), *more]) == 0
    thick, field = (w for w in warnings_of(tmp_path / "b.json") if "trained on" in w)
    assert "2 x 2.5 x 4.5 mm" in thick
    assert "a field of view of 64 x 100 x 9 mm, the model was trained on 60 to 260 mm" in field
    plain = reconstruct_mri(fastmri, method="cg-sense", prior=strange)
    assert not [w for w in plain.info["warnings"] if "trained on" in w]


def test_a_network_of_pictures_makes_no_volume_of_slices(
    fastmri: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = write_model(tmp_path / "flat.safetensors", MODEL, last=0.0)
    call = ["medical", "recon-mri", str(fastmri), "--model", flat, "--samples", "1", "--steps", "1"]
    assert main([*call, "--together", "-o", str(tmp_path / "a.nii.gz")]) == 2
    said = capsys.readouterr().err
    assert "network of two dimensions" in said and "leave out --together" in said
    assert main([*call, "-q", "-o", str(tmp_path / "b.nii.gz")]) == 0


def test_arrays_with_a_spacing_are_compared_too(tmp_path: Path) -> None:
    ranges = {
        "modality": "mr", "spacing": [1.0, 2.3], "fov": [100, 260],
        "intensity": {"kind": "robust-maximum"},
    }  # fmt: skip
    prior = write_model(tmp_path / "m.safetensors", {**MODEL, "signal": ranges}, last=0.0)
    data, asked = kspace()[:1], {"prior": prior, "noise": SIGMA, "samples": 1, "steps": 1}
    unsaid = reconstruct_mri(data, None, unit_maps(4, 64, 40), **asked)
    assert not [w for w in unsaid.info["warnings"] if "trained on" in w]
    said = reconstruct_mri(data, None, unit_maps(4, 64, 40), spacing=(2.0, 2.0, 5.0), **asked)
    (told,) = [w for w in said.info["warnings"] if "trained on" in w]
    assert told.startswith("a field of view of 128 x 80 mm")
    with pytest.raises(InputError, match="three lengths in mm"):
        reconstruct_mri(data, spacing=(2.0, 2.0), **asked)


def warnings_of(record: Path) -> list[str]:
    return json.loads(record.read_text())["Warnings"]


def test_the_page_compares_with_the_zero_filled_image(fastmri: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "out.nii.gz", tmp_path / "page.html"
    call = ["medical", "recon-mri", str(fastmri), "-o", str(out), "--method", "cg-sense", "-q"]
    assert main([*call, "--report", str(page)]) == 0
    assert page.read_text().count("data:image") >= 3  # before, after, all maps
    plain = np.asanyarray(load(tmp_path / "out.zero-filled.nii.gz").dataobj)
    assert main([*call[:4], str(tmp_path / "alone.nii.gz"), "--method", "zero-filled", "-q"]) == 0
    np.testing.assert_allclose(plain, np.asanyarray(load(tmp_path / "alone.nii.gz").dataobj))


def test_undersampling_by_command(fastmri: Path, tmp_path: Path) -> None:
    call = ["medical", "recon-mri", str(fastmri), "-o", str(tmp_path), "--method", "zero-filled"]
    call += ["--undersample", "equispaced", "--acceleration", "2", "-q"]
    assert main(call) == 0
    record = json.loads((tmp_path / "file1.json").read_text())
    assert 1.5 < record["Made"]["acceleration"] < 2.2


def test_lines_are_chosen_by_command(fastmri: Path, model: str, tmp_path: Path) -> None:
    """The raw file lacks two encodings, hence a file that is whole."""
    whole, out = tmp_path / "whole.npz", tmp_path / "out.nii.gz"
    data = kspace()[:1].to(torch.complex64).numpy()
    np.savez(whole, kspace=data, maps=unit_maps(4, 64, 40).numpy(), spacing=[2.0, 2.5, 4.5])
    call = ["medical", "acquire", str(whole), "-o", str(out), "--model", model, "-q"]
    call += ["--lines", "12", "--particles", "3", "--steps", "4", "--noise", str(SIGMA)]
    assert main(call) == 0
    record = json.loads((tmp_path / "out.json").read_text())
    (order,) = record["Made"]["order"]
    assert len(set(order)) == 12 and order[:4] == [18, 19, 20, 21]
    assert load(out).shape == (40, 64, 1)
    assert main([*call[:2], str(fastmri), "-o", str(tmp_path / "b.nii.gz"), *call[5:]]) != 0


def test_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    maps, x = unit_maps(2, 4, 6, 5), complex_normal(4, 6, 5)
    data = cartesian(maps, torch.ones(5), (4, 6, 5))(to_channels(x[None, None]))[0].numpy()
    np.savez(path, kspace=data, maps=maps.numpy(), noise=1e-6, dims=3, spacing=[1.0, 1.5, 2.0])
    found = reconstruct_mri(path, method="cg-sense")
    assert found.value.grid == (4, 6, 5) and found.value.spacing == pytest.approx((1, 1.5, 2))
    assert np.abs(found.value.array - x.abs().numpy()).max() < 1e-4
    np.savez(path, kspace=data)
    with pytest.raises(InputError, match="does not tell its spacing"):
        read_kspace(path)
    with pytest.raises(InputError, match="three lengths in mm"):
        read_kspace(path, spacing=(1, 0, 1))
    np.savez(path, image=data)
    with pytest.raises(InputError, match="has no 'kspace'; it holds: image"):
        read_kspace(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"cannot be read as .npz"):
        read_kspace(path)
    with pytest.raises(InputError, match=r"expected k-space as one of .h5"):
        read_kspace(tmp_path / "a.dat")

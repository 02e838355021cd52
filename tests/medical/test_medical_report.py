"""Pictures of volumes: sides, proportions and colours that are known; the page; the command."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from chromium import chromium, find_chromium
from PIL import Image
from planted_lesions import GRID, planted

from undrift.cli import main
from undrift.medical.honesty import Findings, examine
from undrift.medical.triplanar import GAP, HEAD, RINGS, SIZE, View, maps_of, sheet
from undrift.medical.volumes import Volume, write_volume


def corner_findings() -> Findings:
    """Thick slices, LPS order; one bright voxel block at the right, anterior, superior end."""
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])  # x to the left, y to the posterior
    values = np.ones((40, 30, 10), np.float32)
    values[:8, :6, 8:] = 9  # low x and y: right and anterior
    volume = Volume(values, affine)
    return examine(volume, volume)


def test_radiological_sides_and_right_proportions() -> None:
    findings = corner_findings()
    view = View.of(findings)
    assert view.cells == {"axial": (236, 177), "coronal": (236, 177), "sagittal": (177, 177)}
    before = next(iter(maps_of(findings)))
    focused = View(view.given, (36, 27, 9), view.scale, view.cells, ())
    for name in view.cells:
        pixels = np.asarray(focused.plane(before, name))[..., 0]
        h, w = pixels.shape
        assert pixels[h // 10, w // 10] == 255, name  # right or anterior left, the upper end above
        assert pixels[h // 10, -w // 10] == 0, name
        assert pixels[-h // 10, w // 10] == 0, name
    axial = np.asarray(focused.plane(before, "axial"))[..., 0] > 127
    assert axial.sum() == pytest.approx(8 * 6 * view.scale**2, rel=0.1)


def test_a_sheet_has_a_column_for_every_map_and_rings() -> None:
    case = planted(2)
    std = np.ones(GRID, np.float32)
    page = sheet(examine(case.noisy(case.ill), case.clean, std=std))
    cells = View.of(examine(case.clean, case.clean)).cells
    wide = max(w for w, _ in cells.values())
    assert page.shape[1] == GAP + 4 * (wide + GAP)
    assert max(h for _, h in cells.values()) == SIZE
    ring = (page == RINGS["disappeared"]).all(-1)
    assert all(ring[:, GAP + k * (wide + GAP) :][HEAD:, :wide].sum() > 50 for k in range(4))
    across = sheet(examine(case.clean, case.clean, same_contrast=False))
    assert across.shape[1] == GAP + 2 * (wide + GAP)  # no difference between contrasts


@pytest.mark.parametrize(("around", "low"), [(-850, -1000.0), (40, -160.0)])
def test_what_comes_in_lung_is_seen_in_its_window(around: int, low: float) -> None:
    before = np.full((40, 40, 40), around, np.float32)
    before[:4] = -1000  # air beside it
    after = before.copy()
    after[18:24, 18:24, 18:24] += 300
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    found = examine(Volume(before, affine, "HU"), Volume(after, affine, "HU"))
    assert found.components
    assert [one.ends for one in list(maps_of(found))[:2]] == [(low, 240.0)] * 2


@pytest.fixture
def files(tmp_path: Path) -> Path:
    case = planted(2)
    write_volume(tmp_path / "in.nii.gz", case.noisy(case.ill))
    write_volume(tmp_path / "<b>out.nii.gz", case.clean)
    write_volume(tmp_path / "std.nii.gz", case.clean.with_array(np.full(GRID, 2, np.float32)))
    return tmp_path


def check(files: Path, *words: str) -> int:
    return main(
        ["medical", "check", str(files / "in.nii.gz"), str(files / "<b>out.nii.gz"), *words]
    )


def test_the_command_lists_what_disappeared(files: Path, capsys: pytest.CaptureFixture) -> None:
    case = planted(2)
    assert check(files, "--std", str(files / "std.nii.gz"), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    (one,) = record["Components"]
    assert one["Kind"] == "disappeared"
    assert one["VolumeCubicMillimetres"] == pytest.approx(case.volume, rel=0.1)
    np.testing.assert_allclose(one["CentroidMillimetresRAS"], case.centroid, atol=0.3)
    assert "research use only" in record["Notice"]
    assert check(files) == 0
    said = capsys.readouterr().out
    assert said.startswith("disappeared: ")
    assert "For research use only" in said


def test_the_page_and_the_picture(files: Path) -> None:
    page, picture = files / "page.html", files / "page.png"
    assert check(files, "--report", str(page), "--picture", str(picture)) == 0
    text = page.read_text(encoding="utf-8")
    for word in ("&lt;b&gt;out.nii.gz", "disappeared", "research use only", "radiological", "ml"):
        assert word in text, word
    assert "<b>out" not in text
    with Image.open(picture) as opened:
        assert opened.size[0] > 1000
    found = re.findall(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", text)
    sizes = [Image.open(io.BytesIO(base64.b64decode(one))).size for one in found]
    assert len(sizes) == 3  # before and after under a slider, and the sheet
    assert sizes[0] == sizes[1]
    assert sizes[0][0] <= 512
    assert check(files, "--report", str(page)) == 2  # exists
    assert check(files, "--report", str(page), "--overwrite") == 0


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
def test_the_page_of_volumes_in_a_browser(files: Path) -> None:
    page = files / "page.html"
    assert check(files, "--report", str(page)) == 0
    with chromium(files / "profile") as browser:
        browser.open(page)
        assert browser.said == []
        assert [a for a in browser.asked if not a.startswith("data:")] == [page.as_uri()]
        assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert browser.run("document.documentElement.scrollWidth - window.innerWidth") <= 0

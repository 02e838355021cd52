"""The HTML report, read back with a parser: whole, self-contained, escaped, small."""

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.common.errors import InputError
from undrift.common.report import PICTURED, Report, ReportTable, Row, cell, render, write_report

EVIL = '<img src=x onerror="alert(1)">&"\'.png'


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def decoded(address: str | None) -> Image.Image:
    assert address is not None
    head, _, data = address.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def row(name: str = "a.png", shape: tuple[int, ...] = (3, 24, 32), **options: object) -> Row:
    return Row(name, np.full(shape, 0.2), np.full(shape, 0.7), **options)  # type: ignore[arg-type]


def test_page_is_well_formed_and_asks_for_nothing_outside() -> None:
    ones = np.ones((24, 32))
    report = Report(
        "Run", {"seed": 0, "model": None},
        [row(scores={"psnr": 31.456, "chi": 1.02}, std=ones, reference=ones)],
        [ReportTable("Means", ["method", "psnr"], [["tv", 30.0]], "below on 0 of 1")],
    )  # fmt: skip
    page = Page(render(report))
    assert page.open == []
    assert not page.all("link")
    assert all(not attributes.get("src") for attributes in page.all("script"))
    assert len(page.all("img")) == 4  # before, after, reference, uncertainty
    assert all((a["src"] or "").startswith("data:image/") for a in page.all("img"))
    assert len(page.all("input")) == 1
    text = " ".join(" ".join(page.text).split())
    for part in ("31.46", "1.02", "below on 0 of 1", "units of the noise", "deviation, 0 to 1"):
        assert part in text


def test_hostile_names_stay_text() -> None:
    report = Report(
        EVIL, {EVIL: EVIL}, [row(EVIL, scores={EVIL: EVIL})], [ReportTable(EVIL, [EVIL], [[EVIL]])]
    )
    page = Page(render(report))
    images = page.all("img")
    assert len(images) == 2
    assert not any("onerror" in attributes for attributes in images)
    assert images[0]["alt"] == f"{EVIL}: before | after"
    assert "".join(page.text).count(EVIL) >= 8
    assert len(page.all("script")) == 1


def test_small_pictures_are_embedded_as_they_are() -> None:
    generator = np.random.default_rng(0)
    before, after = generator.integers(0, 256, (2, 3, 8, 9), dtype=np.uint8)
    page = Page(render(Report("Run", {}, [Row("a", torch.from_numpy(before) / 255, after)])))
    sources = {a["class"]: a["src"] for a in page.all("img")}
    for found, expected in ((sources["after"], after), (sources["before"], before)):
        np.testing.assert_array_equal(np.asarray(decoded(found)), expected.transpose(1, 2, 0))


def test_large_pictures_are_reduced_and_shown_again_in_part() -> None:
    after = np.zeros((1, 1200, 800))
    after[:, 600 - 192 : 600 + 192, 400 - 192 : 400 + 192] = 1.0
    report = Report("Run", {}, [Row("big", after[:, ::4, ::4], after, reference=after)])
    page = Page(render(report))
    sizes = [decoded(a["src"]).size for a in page.all("img")]
    error = (341, 512)  # of the picture after; the one before has another size
    assert sizes == [(341, 512), (200, 300), (384, 384), (96, 96), (384, 384), error]
    for attributes in page.all("img")[2:5]:
        assert np.asarray(decoded(attributes["src"])).min() >= 250  # the white middle and no more


def test_enlarged_pictures_show_their_pixels() -> None:
    before, after = np.zeros((1, 8, 8)), np.zeros((1, 32, 32))
    page = Page(render(Report("Run", {}, [Row("a", before, after)])))
    assert [a["class"] for a in page.all("img")] == ["after", "before magnified"]


def test_long_runs_show_some_pictures_and_all_scores(tmp_path: Path) -> None:
    rows = [row(f"{k:03}.png", (1, 4, 4), scores={"psnr": float(k)}) for k in range(PICTURED + 5)]
    write_report(tmp_path / "new" / "page.html", Report("Run", {}, rows))
    page = Page((tmp_path / "new" / "page.html").read_text(encoding="utf-8"))
    assert len(page.all("section")) == PICTURED
    assert "The last 5 items are not shown." in " ".join(page.text)
    assert f"{PICTURED + 4:03}.png" in page.text
    targets = {f"#{a['id']}" for a in page.all("section")}
    assert {a["href"] for a in page.all("a")} == targets


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((4, 9, 9)), r"a\.png: before has shape \(4, 9, 9\)"),
        (np.full((9, 9), np.nan), "a.png: before holds NaN"),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_written(
    tmp_path: Path, picture: np.ndarray, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write_report(tmp_path / "x.html", Report("Run", {}, [Row("a.png", picture, picture)]))
    assert list(tmp_path.iterdir()) == []


def test_cells_are_short() -> None:
    assert cell(0.123456) == "0.1235"
    assert cell(123456.0) == "1.235e+05"
    assert cell({"steps": 4, "grid": [0.5, 1.0]}) == "steps: 4, grid: 0.5, 1"
    assert cell(True) == "True"


def test_maps_of_errors_and_spreads_share_their_scales() -> None:
    flat = np.ones((3, 24, 32))
    report = Report(
        "Runs", {},
        [Row("a", 0.2 * flat, 0.7 * flat, std=0.04 * flat, std_before=0.01 * flat,
             reference=0.5 * flat)],
        labels=("old", "new"),
    )  # fmt: skip
    page = Page(render(report))
    captions = [str(a["alt"]).removeprefix("a: ") for a in page.all("img") if a["alt"]]
    assert captions == [
        "old | new", "reference", "error of old, 0 to 0.3 and above",
        "error of new, 0 to 0.3 and above", "standard deviation of old, 0 to 0.04",
        "standard deviation of new, 0 to 0.04",
    ]  # fmt: skip
    images = [decoded(a["src"]).convert("RGB") for a in page.all("img") if a["alt"]]
    pale, colours = (252, 255, 164), [image.getpixel((5, 5)) for image in images[2:]]
    third, quarter = 2 / 3 * 5 - 3, 1 / 4 * 5 - 1  # places between the knots of the map
    between = [
        tuple(
            round(a + third * (b - a)) for a, b in zip((221, 81, 58), (252, 165, 10), strict=True)
        ),
        tuple(
            round(a + quarter * (b - a)) for a, b in zip((66, 10, 104), (147, 38, 103), strict=True)
        ),
    ]
    expected = [pale, between[0], between[1], pale]
    for seen, wanted in zip(colours, expected, strict=True):
        np.testing.assert_allclose(seen, wanted, atol=3)  # type: ignore[arg-type]
    assert "left of the line is old, right of it new" in "".join(page.text)


def test_a_row_without_pictures_is_in_the_table_alone() -> None:
    rows = [Row("plain.nii", None, None, scores={"chi": 1.25}), row("seen.png")]
    page = Page(render(Report("Run", {}, rows)))
    assert "plain.nii" in page.text and "1.25" in page.text
    assert [a["id"] for a in page.all("section")] == ["item-2"]
    assert "#item-2" in [a["href"] for a in page.all("a")]
    assert "Pictures" not in Page(render(Report("Run", {}, rows[:1]))).text

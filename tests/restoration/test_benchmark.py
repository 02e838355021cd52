"""The benchmark: its degradations, its bookkeeping, its command."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import undrift.restoration
from undrift.common.console import Console
from undrift.common.errors import InputError, PartialFailure, UsageError
from undrift.common.metrics.fidelity import psnr
from undrift.common.metrics.score_text import as_text
from undrift.common.report import PICTURED
from undrift.restoration import benchmark as module
from undrift.restoration.baselines import BASELINES, Method
from undrift.restoration.benchmark import benchmark
from undrift.restoration.benchmark_output import Output
from undrift.restoration.protocols import Condition, noisy
from undrift.restoration.scoring_cli import benchmark as command


def photos(count: int = 3, size: int = 50) -> list[tuple[str, np.ndarray]]:
    rows, columns = np.mgrid[:size, : size + 3] / size
    return [
        (f"p{k}", np.stack([0.5 + 0.2 * np.sin((4 + k) * rows + c + columns) for c in range(n)])
         .astype("f4"))
        for k, n in zip(range(count), [3, 1, 3], strict=False)
    ]  # fmt: skip


def smoothing(strength: float, name: str = "toy", kind: str = "model") -> Method:
    """A method that moves every pixel towards the picture's mean."""

    def restore(y: np.ndarray, value: float, item: str = "") -> np.ndarray:
        return y + strength * (y.mean() - y)

    return Method(name, "denoise", restore, "moves to the mean", kind)


def test_noise_is_white_of_the_asked_size_and_depends_on_seed_and_item_only() -> None:
    clean = np.full((3, 128, 128), 0.5, dtype="f4")
    noise = noisy(clean, 0.1, seed=0, item="a") - clean
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert abs(noise.mean()) < 0.002
    assert abs(np.mean(noise[0, :, 1:] * noise[0, :, :-1])) < 3e-4
    assert abs(np.mean(noise[0] * noise[1])) < 3e-4
    np.testing.assert_array_equal(noisy(clean, 0.1, seed=0, item="a"), clean + noise)
    for seed, item in ((1, "a"), (0, "b")):
        other = noisy(clean, 0.1, seed=seed, item=item) - clean
        assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_of_the_benchmark_is_not_that_of_a_sampler() -> None:
    from undrift.common.noise import Noise

    clean = np.zeros((1, 64, 64), dtype="f4")
    noise = noisy(clean, 1.0, seed=0, item="a")
    sampler = Noise(0, "a")((1, 1, 64, 64)).numpy()
    assert abs(np.corrcoef(noise.ravel(), sampler.ravel())[0, 1]) < 0.06


def test_low_resolution_is_cropped_shrunk_and_in_256_levels() -> None:
    condition = Condition("sr", scale=4)
    picture = photos(1)[0][1]  # (3, 50, 53)
    clean = condition.clean(picture)
    assert clean.shape == (3, 48, 52)
    small = condition.degrade(clean, seed=0, item="")
    assert small.shape == (3, 12, 13)
    np.testing.assert_allclose(small * 255, np.round(small * 255), atol=1e-4)
    mean = clean.reshape(3, 12, 4, 13, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(small[:, 1:-1, 1:-1], mean[:, 1:-1, 1:-1], atol=0.01)


def test_identity_scores_the_noise_itself() -> None:
    table = benchmark(photos(), "denoise", methods=["identity"], sigmas=[15.0, 25.0])
    for sigma in (15.0, 25.0):
        for value in table.values("identity", f"sigma {sigma:g}", "psnr").values():
            assert value == pytest.approx(-20 * math.log10(sigma / 255), abs=0.25)


def test_scores_are_those_of_the_protocol() -> None:
    pictures = photos()
    table = benchmark(pictures, "sr", methods=["bicubic"], scale=3)
    condition = Condition("sr", scale=3)
    for name, picture in pictures:
        clean = condition.clean(picture)
        restored = module.baseline("bicubic", "sr")(
            condition.degrade(clean, seed=0, item=name), scale=3
        )
        expected = psnr(np.clip(restored, 0, 1), clean, data_range=1, crop_border=3)
        assert table.values("bicubic", "x3", "psnr")[name] == pytest.approx(expected, abs=1e-9)
    assert table.summary("bicubic", "x3", "psnr_y").n == 3  # type: ignore[union-attr]


def test_models_are_compared_item_by_item_and_counted_below() -> None:
    methods = [smoothing(0.2), smoothing(0.0, "same", "baseline"), "identity"]
    table = benchmark(photos(), "denoise", methods=methods, sigmas=[50.0])
    found = {other: paired for _, other, paired in table.comparisons("sigma 50")}
    assert sorted(found) == ["identity", "same"]
    values = [table.values(name, "sigma 50", "psnr") for name in ("toy", "identity")]
    below = sum(values[0][item] < values[1][item] for item in values[0])
    assert found["identity"].losses == below
    assert found["same"].difference.mean == pytest.approx(
        np.mean([values[0][item] - values[1][item] for item in values[0]])
    )
    assert f"below on {below} of 3" in as_text(table)


def test_models_get_pictures_as_the_task_functions_take_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[object, ...]] = []

    def denoise(image: np.ndarray, sigma: float, **options: object) -> SimpleNamespace:
        calls.append(("denoise", image.shape, round(sigma, 4), options))
        return SimpleNamespace(value=image)

    def sr(image: np.ndarray, scale: int, **options: object) -> SimpleNamespace:
        calls.append(("sr", image.shape, scale, options))
        return SimpleNamespace(value=np.repeat(np.repeat(image, scale, 0), scale, 1))

    fake = SimpleNamespace(denoise=denoise, sr=sr)
    for name in ("tasks", "denoising"):
        monkeypatch.setattr(undrift.restoration, name, fake, raising=False)
        monkeypatch.setitem(sys.modules, f"undrift.restoration.{name}", fake)
    monkeypatch.setattr("undrift.common.weights.model.find_weights", Path)
    options = {"steps": 4, "preset": None}
    table = benchmark(
        photos(2), "denoise", methods=["model", "model:other", "identity"], sigmas=[25.0], seed=7,
        options=options,
    )  # fmt: skip
    assert table.methods == {"photos-prior": "model", "other": "model", "identity": "baseline"}
    for name in ("photos-prior", "other"):
        same = table.values("identity", "sigma 25", "psnr")
        assert table.values(name, "sigma 25", "psnr") == same
    sent = {"seed": 7, "item": "p0", "model": "photos-prior", "steps": 4}
    assert calls[0] == ("denoise", (50, 53, 3), 25.0, sent)
    assert [call[1] for call in calls] == [(50, 53, 3), (50, 53, 3), (50, 53), (50, 53)]
    benchmark(photos(1), "sr", methods=["model"], scale=2, options={"model": "mine"})
    assert calls[-1] == ("sr", (25, 26, 3), 2, {"seed": 0, "item": "p0", "model": "mine"})


def test_a_method_that_fails_on_one_picture_does_not_stop_the_others() -> None:
    def restore(y: np.ndarray, value: float, item: str) -> np.ndarray:
        if item == "p1":
            raise ValueError("cannot do grey")
        return y * np.nan if item == "p2" else y

    broken = Method("broken", "denoise", restore, "", "model")
    table = benchmark(photos(), "denoise", methods=[broken, "identity"], sigmas=[25.0])
    assert [(entry.item, entry.method) for entry in table.failed] == [
        ("p1", "broken"),
        ("p2", "broken"),
    ]
    assert "cannot do grey" in (table.failed[0].error or "")
    assert "NaN" in (table.failed[1].error or "")
    assert list(table.values("broken", "sigma 25", "psnr")) == ["p0"]
    ((_, _, paired),) = table.comparisons("sigma 25")
    assert paired.ties == 1
    assert "2 failed" in as_text(table)


def test_records_are_json_and_complete() -> None:
    table = benchmark(photos(), "denoise", methods=[smoothing(0.1), "identity"], sigmas=[25.0])
    records = [json.loads(json.dumps(r, allow_nan=False)) for r in table.records()]
    kinds = [record["record"] for record in records]
    assert kinds == ["table"] + ["item"] * 6 + ["method"] * 2 + ["comparison"]
    assert records[0]["settings"]["conditions"] == ["sigma 25"]
    assert records[-1]["wins"] + records[-1]["losses"] + records[-1]["ties"] == 3


def test_the_order_of_photographs_changes_no_score() -> None:
    forward = benchmark(photos(), "denoise", methods=["identity"], sigmas=[25.0])
    backward = benchmark(photos()[::-1], "denoise", methods=["identity"], sigmas=[25.0])
    assert forward.values("identity", "sigma 25", "psnr") == backward.values(
        "identity", "sigma 25", "psnr"
    )


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("denoize", {}, "did you mean 'denoise'"),
        ("denoise", {"methods": ["nml"]}, "did you mean 'nlm'"),
        ("denoise", {"methods": ["tv", "tv"]}, "more than once: tv"),
        ("denoise", {"sigmas": [0.0]}, "sigma must be positive"),
        ("sr", {"methods": ["bicubic"], "scale": 1}, "scale must be 2 or more"),
    ],
)
def test_wrong_plans_are_refused_before_any_work(task: str, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        benchmark([], task, **options)


def test_unknown_models_are_refused_before_any_work() -> None:
    with pytest.raises(InputError, match="leaves-srr"):
        benchmark([], "sr", methods=["model:leaves-srr"])


def test_card_items_and_splits_are_checked() -> None:
    with pytest.raises(InputError, match="camera"):
        benchmark("skimage-photos", "denoise", methods=["identity"], items=["camer"])
    with pytest.raises(UsageError, match="no split 'tests'"):
        benchmark("skimage-photos", "denoise", methods=["identity"], split="tests")


def run(*words: str) -> tuple[str, str]:
    result = CliRunner().invoke(command, list(words), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr


def test_command_on_a_real_card_prints_a_table_and_saves(tmp_path: Path) -> None:
    words = ["skimage-photos", "--task", "sr", "--method", "bicubic,lanczos", "--items", "text"]
    saved, page = tmp_path / "out", tmp_path / "page.html"
    out, _ = run(*words, "--save", str(saved), "--report", str(page))
    assert "bicubic" in out and "psnr dB" in out
    assert (saved / "x4" / "lanczos" / "text.png").is_file()
    assert (saved / "x4" / "degraded" / "text.png").is_file()
    assert json.loads((saved / "scores.jsonl").read_text().splitlines()[0])["record"] == "table"
    assert "data:image/" in page.read_text()
    with pytest.raises(UsageError, match="--overwrite"):
        run(*words, "--save", str(saved))
    out, _ = run(*words, "--save", str(saved), "--overwrite", "--json")
    assert {json.loads(line)["record"] for line in out.splitlines()} == {"table", "item", "method"}


def test_report_shows_the_first_model_and_scores_of_every_item(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    output = Output(Console(quiet=True), save=None, report=page, overwrite=False)
    many = [(f"q{k:02}", x) for k in range(15) for _, x in photos(1, size=12)]
    methods = ["identity", smoothing(0.1)]
    table = benchmark(
        many, "denoise", methods=methods, sigmas=[5.0, 15.0, 25.0], watch=output.watch
    )
    output.finish(table)
    text = page.read_text()
    assert text.count("<section") == PICTURED == 40
    assert text.count(", toy</td>") == 45 - PICTURED
    assert "restored by toy" in text


def test_command_knows_which_flag_belongs_to_which_task() -> None:
    with pytest.raises(UsageError, match="--scale belongs to"):
        run("skimage-photos", "--task", "sr", "--sigma", "25")


def test_command_reports_failures_by_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def restore(y: np.ndarray, value: float) -> np.ndarray:
        raise ValueError("no")

    broken = Method("tv", "denoise", restore, "")
    monkeypatch.setitem(BASELINES, "tv", broken)
    with pytest.raises(PartialFailure, match="text: ValueError"):
        run("skimage-photos", "--task", "denoise", "--sigma", "25", "--method", "tv", "--items",
            "text")  # fmt: skip

"""Tables and model cards hold what the benchmark wrote and what the weights are, nothing else."""

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from pages import DOCS

from undrift.common.files import sha256_of
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.common.model_cards import load_model_card, model_card_paths


def script(name: str) -> ModuleType:
    """A script of the folder docs, as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results(model: str) -> Table:
    """Three pictures on which `model` and `tv` are equal on average."""
    values = {model: (30.0, 20.0, 25.0), "tv": (29.0, 22.0, 24.0)}
    scores = [
        ItemScore(item, "sigma 25", method, {"psnr": value, "ssim": 0.5}, 0.25)
        for method, column in values.items()
        for item, value in zip("abc", column, strict=True)
    ]
    settings = {
        "card": "skimage-photos", "task": "denoise", "conditions": ["sigma 25"], "seed": 0,
        "split": None, "items": ["a", "b", "c"], "options": {"preset": "best"},
    }  # fmt: skip
    kinds = {model: "model", "tv": "baseline"}
    return Table("title", settings, ("psnr", "ssim"), kinds, scores)


def test_tables_are_those_of_the_results() -> None:
    tables = script("make_tables")
    for page in tables.pages():
        text = page.read_text(encoding="utf-8")
        assert tables.filled(text) == text, f"{page.name}: run python docs/make_tables.py"


def test_a_table_tells_means_spreads_and_losses() -> None:
    tables = script("make_tables")
    table = results("net")
    text = tables.table([json.loads(json.dumps(record)) for record in table.records()])
    assert "| **net** | 25.00 ± 5.0 / 0.500 | 0.25 |" in text
    assert "| tv | 25.00 ± 3.6 / 0.500 | 0.25 |" in text
    assert "- sigma 25, net against tv: +0.00 dB" in text
    assert "below on 1 of 3: b\n" in text
    said = "--task denoise --sigma 25 --items a,b,c --preset best --seed 0"
    assert f"`undrift benchmark skimage-photos {said}`" in text
    other = {**table.settings, "task": "sr", "conditions": ["x4"], "items": None}
    words = tables.command(next(iter(replace(table, settings=other).records())))
    said = "--task sr --scale 4 --preset best --seed 0"
    assert words == f"undrift benchmark skimage-photos {said}"
    assert tables.table([]) == tables.MISSING


def test_tables_of_the_suite_are_its_records() -> None:
    from undrift.restoration.suite_table import suite_records

    tables = script("make_tables")
    values = {"net": (30.0, 20.0, 25.0), "tv": (29.0, 22.0, 24.0), "nlm": (29.0, 24.0, 25.0)}
    scores = [
        ItemScore(item, "noise-15", method, {"psnr": value, "ssim": 0.5, "vif": 0.25}, 0.25)
        for method, column in values.items()
        for item, value in zip("abc", column, strict=True)
    ]
    settings = {
        "card": "skimage-photos", "task": "all", "rows": ["noise-15"], "methods": None, "seed": 0,
        "split": None, "items": None, "options": {},
    }  # fmt: skip
    kinds = {"net": "model", "tv": "baseline", "nlm": "baseline"}
    found = Table("title", settings, ("psnr", "ssim", "vif"), kinds, scores)
    records = [json.loads(json.dumps(record)) for record in suite_records(found)]
    text = tables.suite_table(records)
    line = next(line for line in text.splitlines() if line.startswith("| white noise 15"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:3] == ["25.00 ± 5.0 / 0.500 / 0.250", "nlm 26.00 ± 2.6 / 0.500 / 0.250"]
    assert cells[3].startswith("-1.00 (") and cells[4:] == ["1 of 3", "3"]
    assert "`undrift benchmark skimage-photos --task all --rows noise-15 --seed 0`" in text
    every = tables.suite_methods(records)
    assert "| **net** | 25.00 ± 5.0 / 0.500 / 0.250 |" in every and "Below nlm on: b." in every
    assert tables.suite_table([]) == tables.suite_methods([]) == tables.MISSING


def test_a_card_takes_its_facts_from_weights_and_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    cards = script("make_cards")
    monkeypatch.setattr(cards, "RESULTS", tmp_path)
    monkeypatch.setattr(sys.modules["make_tables"], "RESULTS", tmp_path)
    folder = tmp_path / "restoration" / "weights"
    folder.mkdir(parents=True)
    source = model_card_paths()["leaves-denoise"]
    card, weights = folder / source.name, folder / "leaves-denoise.safetensors"
    shutil.copyfile(source.with_suffix(".safetensors"), weights)
    known = load_model_card(source).front.undrift
    text = source.read_text(encoding="utf-8")
    card.write_text(text.replace(known.files[0].sha256, "0" * 64), encoding="utf-8")
    lines = [json.dumps(record) for record in results("leaves-denoise").records()]
    (tmp_path / "denoise.jsonl").write_text("\n".join(lines), encoding="utf-8")

    assert cards.update(card, "cpu, 1 core")
    made = load_model_card(card)
    block = made.front.undrift
    assert block.files[0].sha256 == sha256_of(weights).removeprefix("sha256:")
    assert (block.network, block.presets) == (known.network, known.presets)
    psnr, ssim = block.measured
    assert (psnr.metric, psnr.value, psnr.n, psnr.case) == ("psnr", 25.0, 3, "sigma 25")
    assert (psnr.device, psnr.seconds_per_item, ssim.value) == ("cpu, 1 core", 0.25, 0.5)
    assert "**leaves-denoise** | 25.00" in made.prose["Evaluation"]
    assert "million parameters" in made.prose["Training data and procedure"]
    assert not cards.update(card, "cpu, 1 core")


def test_tables_of_speech_are_its_records() -> None:
    from undrift.speech.benchmark.tables import records as speech_records

    script("make_tables")
    tables = sys.modules["speech_tables"]
    values = {
        "balanced": (10.0, 14.0, 12.0),
        "rnnoise": (9.0, 15.0, 10.0),
        "noisy": (5.0, 5.0, 5.0),
    }
    scores = [
        ItemScore(item, f"snr {snr}", method, {"si_sdr": value + snr, "lsd": 4.0}, 0.25)
        for snr in (0, 5)
        for method, column in values.items()
        for item, value in zip("abc", column, strict=True)
    ]
    settings = {"split": "test", "seed": 3, "not installed": {"noisereduce": "pip install it"}}
    kinds = {"balanced": "model", "rnnoise": "baseline", "noisy": "baseline"}
    found = Table("title", settings, ("si_sdr", "lsd"), kinds, scores)
    lines = [json.loads(json.dumps(record)) for record in speech_records(found)]
    text = tables.speech_table(lines)
    assert "| **balanced** | 14.5 ± 2.0 / 4.0 |" in text  # the mean over 0 and 5 dB, clip by clip
    assert "| noisereduce | not installed |" in text
    assert "balanced - rnnoise: SI-SDR +0.7 (" in text and "worse on 1 of 3), LSD +0.0 (" in text
    assert "`undrift speech benchmark --seed 3`" in text
    assert "### Snr 5 (`snr 5`)" in tables.speech_methods(lines)
    speed = [{"method": "fast", "seconds": 7200.0, "rtf": 0.25, "peak_mib": 410, "start_mib": 250}]
    assert "| `fast` | 0.250, 410 (start 250) |" in tables.speed_table(speed)
    assert "2 h: RTF, MiB" in tables.speed_table(speed)
    assert tables.speech_table([]) == tables.speed_table([]) == tables.MISSING

"""Brings the model cards up to date with their weights and with the benchmark's results.

    python docs/make_cards.py            # a minute at most; run it after training or measuring
    undrift models verify

Written anew in <domain>/weights/<id>.md: size and hash of the file; process, prediction,
network, ranges and presets, from the header of the weights; `measured`, from docs/results/*.jsonl
(see make_tables.py); the table of results; and the facts of training between `<!-- facts -->` and
`<!-- end -->`. Everything else in a card is written by hand and stays.
"""

import argparse
import hashlib
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from make_tables import RESULTS, filled, read_records  # noqa: E402

from undrift.common.weights.files import read_settings  # noqa: E402
from undrift.common.weights.settings import Settings  # noqa: E402

CONDITION = {
    "restoration": "degraded picture, enlarged",
    "speech": "noisy spectrogram",
    "medical": "source volume",
    "scientific": "degraded cube or coarse field",
}
FACTS = re.compile(r"(<!-- facts -->\n).*?(<!-- end -->)", re.DOTALL)


def update(card: Path, device: str) -> bool:
    """Rewrites one card; True if it changed."""
    old = card.read_text(encoding="utf-8")
    _, head, prose = old.split("---\n", 2)
    front = yaml.safe_load(head)
    block = front["undrift"]
    file = card.with_suffix(".safetensors")
    settings = read_settings(file)
    content = file.read_bytes()
    block["process"] = settings.process.model_dump(mode="json")
    block["prediction"] = settings.prediction
    block["network"] = settings.network.model_dump(mode="json")
    network = settings.build().network
    block["input"]["multiple_of"] = int(getattr(network, "multiple", 1))
    shown = [CONDITION[settings.domain]] if settings.scaling.centre is None else []
    block["conditioning"] = ["angle psi of the state", *shown, *settings.levels]
    block["presets"] = {
        str(name): {k: v for k, v in preset.model_dump(mode="json").items() if v not in (None, {})}
        for name, preset in settings.presets.items()
    }
    digest = hashlib.sha256(content).hexdigest()
    block["files"] = [{"name": file.name, "url": None, "bytes": len(content), "sha256": digest}]
    block["measured"] = measured(settings, file, device)
    parameters = sum(value.numel() for value in network.parameters())
    prose = FACTS.sub(
        lambda found: found[1] + facts(settings, parameters) + found[2], filled(prose)
    )
    text = yaml.safe_dump(
        front, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    new = f"---\n{text}---\n{prose}"
    if new != old:
        card.write_text(new, encoding="utf-8")
    return new != old


def measured(settings: Settings, file: Path, device: str) -> list[dict[str, Any]]:
    """The rows of the card from every benchmark of the model."""
    rows = []
    for path in sorted(RESULTS.glob("*.jsonl")):
        records = [record for record in read_records(path.stem) if "record" in record]
        tables = [record["settings"] for record in records if record["record"] == "table"]
        if not tables:  # results of another script
            continue
        head = tables[0]
        own = [r for r in records if r["record"] == "method" and r["method"] == settings.id]
        if own and path.stat().st_mtime < file.stat().st_mtime:
            print(f"{path.name} is older than {file.name}: measure again?", file=sys.stderr)
        for record in own:
            for metric in ("psnr", "ssim", "psnr_y"):
                if value := record.get(metric):
                    rows.append(_measured(head, record, metric, value, device))
    return rows


def _measured(
    head: dict[str, Any], record: dict[str, Any], metric: str, value: dict[str, Any], device: str
) -> dict[str, Any]:
    digits = 4 if metric == "ssim" else 3
    known = value["low"] is not None
    return {
        "data": head["card"],
        "split": head["split"],
        "case": record["setting"],
        "metric": metric,
        "value": round(value["mean"], digits),
        "ci": [round(value["low"], digits), round(value["high"], digits)] if known else None,
        "n": value["n"],
        "device": device,
        "seconds_per_item": round(record["seconds"], 3),
        "peak_mb": None,
        "commit": None,
    }


def facts(settings: Settings, parameters: int) -> str:
    """Sentences about the training, from the recipe kept in the header."""
    recipe: Any = settings.record["recipe"]
    schedule, data = recipe["schedule"], recipe["data"]
    seen = WHAT_IS_SEEN[settings.domain](data)
    text = (
        f"{parameters / 1e6:.2f} million parameters; {settings.record['iterations']} iterations of "
        f"{schedule['batch'] * schedule['accumulate']} {seen}; AdamW, rate {schedule['rate']:g} "
        f"with linear decay over the "
        f"last {schedule['decay']}, averaged weights (memory {schedule['ema']:g}). Noise to signal "
        f"while training: {_bands(recipe['times'])}. What the network puts out: "
        f"`{settings.prediction}`."
    )
    return textwrap.fill(text, 104) + "\n"


def _crops(data: dict[str, Any]) -> str:
    return (
        f"crops of {data['crop']} x {data['crop']} pixels from {_sources(data['source'])}, a share "
        f"of {data['grey']:g} in grey"
    )


def _windows(data: dict[str, Any]) -> str:
    source = data["source"]
    return (
        f"windows of {data['seconds']:g} s mixed from the speech of the training speakers, "
        f"{source['noises']} noises and {source['rooms']} rooms (seed {source.get('seed', 1)})"
    )


def _patches(data: dict[str, Any]) -> str:
    if data.get("kind") == "head-phantoms":
        return f"of {data['count']} whole simulated heads, mirrored by chance"
    made = {"lesion-phantoms": "around the nodules", "deform-phantoms": "of the bodies"}
    if data.get("kind") in made:
        cube = " x ".join([str(data["side"])] * data.get("axes", 3))
        return f"crops of {cube} voxels {made[data['kind']]} of {data['subjects']} CT phantoms"
    source, sides = data["source"], " x ".join(str(n) for n in data["patch"])
    kinds = {"brains": "simulated heads", "scans": "simulated CT scans"}
    return f"patches of {sides} voxels of {source['count']} {kinds[source['kind']]}"


def _fields(data: dict[str, Any]) -> str:
    if "bank" in data:
        bank = data["bank"]
        states = -(-bank["count"] // 8) * 8 * bank["states"]
        sensors = f", with up to {data['sensors']} sensors" if data.get("sensors") else ""
        return f"fields of {bank['n']} x {bank['n']} points from {states} simulated states{sensors}"
    return (
        f"patches of {data['patch']} x {data['patch']} pixels of {data['count']} simulated scenes"
    )


WHAT_IS_SEEN = {
    "restoration": _crops, "speech": _windows, "medical": _patches, "scientific": _fields,
}  # fmt: skip


def _sources(source: dict[str, Any]) -> str:
    if source["kind"] == "mixed":
        return " and ".join(_sources(part) for part in source["parts"])
    kinds = {"leaves": "synthetic pictures", "tiles": "tiles of photographs"}
    return f"{source['count']} {kinds[source['kind']]} (seed {source.get('seed', 1)})"


def _bands(times: dict[str, Any]) -> str:
    parts = [f"{b['share']:.0%} from {b['low']:g} to {b['high']:g}" for b in times["bands"]]
    parts += [f"{times['uniform']:.0%} at times uniform in (0, 1]"] if times.get("uniform") else []
    return ", ".join(
        [*parts, f"{times['top']:.0%} at the end t = 1"] if times.get("top") else parts
    )


def main() -> int:
    """Updates every card and says which ones changed."""
    parser = argparse.ArgumentParser(description="Brings the model cards up to date.")
    default = f"cpu, {os.cpu_count()} cores"
    parser.add_argument("--device", default=default, help=f"where it was measured ({default})")
    device = parser.parse_args().device
    for card in sorted(ROOT.glob("*/weights/*.md")):
        print(f"{card.name}: {'written' if update(card, device) else 'up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

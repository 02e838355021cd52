"""The card of converted weights: what is known is filled in, what was not measured is said."""

from pathlib import Path

import yaml

from undrift.common.files import sha256_of, write_text
from undrift.common.weights.convert import Source
from undrift.common.weights.settings import Settings

_PROSE = """
## Details
Network of guided diffusion (Dhariwal and Nichol 2021), converted from `{file}` of {home}.
Everything needed to run it is in the header of the weights.

## Uses
Prior for known operators, and denoiser, of pictures like those it was trained on{size}.

## Hallucination and misuse
A generative prior invents detail that the measurement does not hold. Look at several samples and at
the measurement check before believing any of it.

## Training data and procedure
Not done here; see {home}.

## Evaluation
Not measured here. `undrift benchmark` measures it.

## How to start
    undrift denoise picture.png --sigma 25 --model {name}.safetensors -o clean.png
"""


def write_card(source: Source, settings: Settings, weights: Path) -> Path:
    """Writes the card beside the weights, whole or not at all, and returns its path."""
    path = weights.with_suffix(".md")
    front = {
        "license": source.licence,
        "library_name": "undrift",
        "model_name": settings.id,
        "undrift": _block(source, settings, weights),
    }
    size = f", {source.size} pixels a side" if source.size else ""
    prose = _PROSE.format(file=source.path.name, home=source.home, size=size, name=settings.id)
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, f"---\n{head}---\n{prose}")
    return path


def _block(source: Source, settings: Settings, weights: Path) -> dict[str, object]:
    presets = settings.model_dump(mode="json")["presets"]
    return {
        "schema": 1,
        "id": settings.id,
        "version": "1",
        "task": settings.task,
        "process": {"name": settings.process.name, "params": {"see": "header of the weights"}},
        "prediction": settings.prediction,
        "network": settings.network.model_dump(mode="json"),
        "latent": None,
        "input": {
            "axes": "c h w",
            "channels": [source.structure.inputs],
            "multiple_of": 2 ** (len(source.structure.widths) - 1),
            "range": [0.0, 1.0],
        },
        "scale": None,
        "conditioning": ["angle psi of the state", *settings.levels],
        "presets": presets,
        "files": [
            {
                "name": weights.name,
                "url": None,
                "bytes": weights.stat().st_size,
                "sha256": sha256_of(weights).removeprefix("sha256:"),
            }
        ],
        "ported_from": {
            "repo": source.home,
            "commit": "not known",
            "license": source.licence,
            "file": source.path.name,
            "key_map": "undrift.common.weights.adm",
        },
        "trained_on": [],
        "parity": [],
        "measured": [],
        "intended": ["prior for known operators"],
        "not_for": ["evidence of what a measurement does not show"],
        "risks": ["invents detail"],
    }

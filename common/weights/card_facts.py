"""The card of converted weights: what is known is filled in, what was not measured is said."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from undrift.common.files import sha256_of, write_text
from undrift.common.weights.settings import Settings


@dataclass(frozen=True)
class CardFacts:
    """What a family of checkpoints knows beyond the header of the weights.

    file, home, licence, commit: of the checkpoint. key_map: the module that knows its names of
    tensors. input: the block of `model_card_schema.ModelInput`. prose: the text, with headings.
    """

    file: str
    home: str
    licence: str
    key_map: str
    input: dict[str, object]
    prose: str
    conditioning: list[str]
    intended: list[str]
    not_for: list[str]
    risks: list[str]
    commit: str = "not known"


def write_facts(facts: CardFacts, settings: Settings, weights: Path) -> Path:
    """Writes the card beside the weights, whole or not at all, and returns its path."""
    path = weights.with_suffix(".md")
    front = {
        "license": facts.licence,
        "library_name": "undrift",
        "model_name": settings.id,
        "undrift": _block(facts, settings, weights),
    }
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, f"---\n{head}---\n{facts.prose}")
    return path


def _block(facts: CardFacts, settings: Settings, weights: Path) -> dict[str, object]:
    told = settings.model_dump(mode="json")
    return {
        "schema": 1,
        "id": settings.id,
        "version": "1",
        "task": settings.task,
        "process": {"name": settings.process.name, "params": {"see": "header of the weights"}},
        "prediction": settings.prediction,
        "network": told["network"],
        "latent": None,
        "input": facts.input,
        "scale": None,
        "conditioning": facts.conditioning,
        "presets": told["presets"],
        "files": [
            {
                "name": weights.name,
                "url": None,
                "bytes": weights.stat().st_size,
                "sha256": sha256_of(weights).removeprefix("sha256:"),
            }
        ],
        "ported_from": {
            "repo": facts.home,
            "commit": facts.commit,
            "license": facts.licence,
            "file": facts.file,
            "key_map": facts.key_map,
        },
        "trained_on": [],
        "parity": [],
        "measured": [],
        "intended": facts.intended,
        "not_for": facts.not_for,
        "risks": facts.risks,
    }

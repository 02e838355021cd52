"""What a record says of the weights at work: their process, and version and licence on their card.

A card speaks for the very file whose hash it states, and for no other of the same name.
"""

from collections.abc import Mapping
from typing import Any

from undrift.common.errors import InputError
from undrift.common.model_cards import ModelCard, find_model_card
from undrift.common.weights.model import Model


def weights_facts(model: Model) -> dict[str, str]:
    """process: the name; model_version, weights_licence: of the model's card, "unknown" without."""
    return {"process": model.settings.process.name, **_of_card(_card(model.id, model.sha256))}


def with_weights_facts(info: Mapping[str, Any]) -> dict[str, Any]:
    """A record that names "model" and "weights" (a hash), with the same of its weights."""
    if not info.get("weights") or "weights_licence" in info:
        return dict(info)
    card = _card(str(info.get("model")), str(info["weights"]))
    process = {} if card is None else {"process": str(card.front.undrift.process.name)}
    return {**info, **process, **_of_card(card)}


def _of_card(card: ModelCard | None) -> dict[str, str]:
    if card is None:
        return {"model_version": "unknown", "weights_licence": "unknown"}
    return {"model_version": card.front.undrift.version, "weights_licence": card.front.license}


def _card(name: str, sha256: str) -> ModelCard | None:
    """The card of that very file, if it has one."""
    try:
        card = find_model_card(name)
    except InputError:
        return None
    return card if card.front.undrift.files[0].sha256 == sha256.removeprefix("sha256:") else None

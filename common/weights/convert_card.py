"""The card of a converted network of guided diffusion."""

from pathlib import Path

from undrift.common.weights.card_facts import CardFacts, write_facts
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
    size = f", {source.size} pixels a side" if source.size else ""
    facts = CardFacts(
        file=source.path.name,
        home=source.home,
        licence=source.licence,
        key_map="undrift.common.weights.adm",
        input={
            "axes": "c h w",
            "channels": [source.structure.inputs],
            "multiple_of": 2 ** (len(source.structure.widths) - 1),
            "range": [0.0, 1.0],
        },
        prose=_PROSE.format(file=source.path.name, home=source.home, size=size, name=settings.id),
        conditioning=["angle psi of the state", *settings.levels],
        intended=["prior for known operators"],
        not_for=["evidence of what a measurement does not show"],
        risks=["invents detail"],
    )
    return write_facts(facts, settings, weights)

"""The card of a converted speech model."""

from pathlib import Path

from undrift.common.weights.card_facts import CardFacts, write_facts
from undrift.common.weights.settings import Settings
from undrift.speech.signal import read_signal

_PROSE = """
## Details
{architecture}, converted from `{file}` of {home}; the {weights} of the parameters. Everything
needed to run it is in the header of the weights.

## Uses
Noisy or reverberant speech at {rate} Hz, one voice, like what it was trained on.

## Hallucination and misuse
A generative model can change or invent words, above all in strong noise. Listen to several samples;
do not use the result as evidence.

## Training data and procedure
Not done here; see {home}.

## Evaluation
Not measured here. `undrift speech metrics` and `undrift evaluate` measure it.

## Cost
Tens of calls of a large network: on a CPU far slower than real time.

## How to start
    undrift speech enhance noisy.wav -o clean.wav --model {name}.safetensors
"""


def write_card(settings: Settings, weights: Path) -> Path:
    """Writes the card beside the weights, whole or not at all, and returns its path."""
    record, spectrogram = settings.record, read_signal(settings.signal).spectrogram
    storm = settings.network.name == "ncsnpp-storm"
    names = {key: record[key] for key in ("architecture", "home", "weights")}
    facts = CardFacts(
        file=str(record["converted_from"]),
        home=str(record["home"]),
        licence=str(record["licence"]),
        key_map="undrift.common.networks.ncsnpp",
        input={
            "axes": "c f t",
            "channels": [2],
            "multiple_of": 8 if storm else 64,
            "range": [-1.0, 1.0],
            "unit": "compressed complex spectrogram of a peak of 1",
            "sample_rate_hz": spectrogram.rate,
        },
        prose=_PROSE.format(
            **names, file=record["converted_from"], rate=spectrogram.rate, name=settings.id
        ),
        conditioning=["angle psi of the state", "noisy spectrogram"],
        intended=["speech enhancement"],
        not_for=["evidence of what was said", "music"],
        risks=["changes or invents words"],
    )
    return write_facts(facts, settings, weights)

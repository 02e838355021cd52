"""`undrift models convert` for SGMSE, SGMSE+, SB-VE, BBED and StoRM: checkpoint in, weights out.

The written header holds all that sampling needs: the process in the units of a real channel, the
spectrogram, the network with its scalings, the authors' sampler, and what was told or assumed.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from undrift.common.errors import InputError, UsageError
from undrift.common.files import sha256_of
from undrift.common.weights.files import save_weights
from undrift.common.weights.settings import Settings
from undrift.speech.published import header
from undrift.speech.published.card import write_card
from undrift.speech.published.known import KNOWN, Known, find_known
from undrift.speech.published.options import Options, read_settings
from undrift.speech.published.reading import Checkpoint, looks_published, read_checkpoint
from undrift.speech.published.weights import chosen_weights

_PLACES = ("base_dir", "test_dir", "data_module_cls")  # options that are no settings of a model


def convert_speech(
    source: Path,
    target: Path,
    *,
    name: str | None = None,
    like: str | None = None,
    told: Mapping[str, object] | None = None,
) -> Settings:
    """Writes the weight file `target` (.safetensors), whole or not at all; returns its header.

    like: a name of `known.KNOWN`. told: options of training that win over those of the file.
    Raises InputError for files that are no such checkpoints, or lack options; UsageError for an
    unknown name.
    """
    checkpoint = read_checkpoint(source)
    known = None if like is None else find_known(like)
    options = gathered(checkpoint, known, told or {})
    settings, network = _settings(checkpoint, options, known, name or target.stem)
    state, which = chosen_weights(checkpoint, network)
    settings.record["weights"] = which
    save_weights(target, state, settings)
    return settings


def gathered(checkpoint: Checkpoint, known: Known | None, told: Mapping[str, object]) -> Options:
    """The options of the file, checked against what is known of it, and those that were told."""
    own = {**checkpoint.hyper, **told}
    if known is not None:
        other = [
            f"its {key} is {own[key]!r}, expected {value!r}"
            for key, value in known.options.items()
            if own.get(key) is not None and own[key] != value
        ]
        if other:
            raise InputError(f"{checkpoint.path} is not the named checkpoint: {'; '.join(other)}")
        own = {**known.options, **{k: v for k, v in own.items() if v is not None}}
    return Options(checkpoint.path, own)


def _settings(
    checkpoint: Checkpoint, options: Options, known: Known | None, name: str
) -> tuple[Settings, torch.nn.Module]:
    """The header, and its network without numbers."""
    process = header.process_of(options)
    network, params = header.network_of(checkpoint, options, process)
    full_band = options.told.get("backbone") == "ncsnpp_48k"
    signal = header.signal_of(options, full_band)
    changes = {} if known is None else known.sampler
    sampler = header.sampler_of(options, process[0], checkpoint.storm, changes)
    trained = header.trained_from(options)
    options.complete()
    reverb = options.told.get("format") in ("reverb", "reverb_wsj0")
    settings = Settings.model_validate(
        {
            "id": name,
            "domain": "speech",
            "task": known.task if known else "dereverb" if reverb else "enhance",
            "process": {"name": process[0], "params": process[1]},
            "prediction": header.prediction_of(params),
            "scaling": {"sigma_d": header.SIGMA_D, "mean": 0.0, "std": 1.0},
            "signal": signal,
            "network": {"name": network, "params": params},
            "sampler": header.sampler_block(sampler),
            "presets": header.presets_of(sampler, trained),
            "record": _record(checkpoint, options, known),
        }
    )
    with torch.device("meta"):
        return settings, settings.build().network


def _record(checkpoint: Checkpoint, options: Options, known: Known | None) -> dict[str, object]:
    kept = {k: v for k, v in options.told.items() if k not in _PLACES and _plain(v)}
    return {
        "converted_from": checkpoint.path.name,
        "sha256": sha256_of(checkpoint.path),
        "home": "not told" if known is None else known.home,
        "licence": "unknown",
        "architecture": "NCSN++ (Song et al. 2021) with "
        + ("StoRM" if checkpoint.storm else "SGMSE"),
        "options": kept,
        "assumed": dict(options.assumed),
        **{key: value for key, value in checkpoint.about.items() if _plain(value)},
    }


def _plain(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


@dataclass(frozen=True)
class SpeechFamily:
    """See `common.weights.families.Family`."""

    names: Collection[str] = field(default_factory=lambda: tuple(KNOWN))

    def takes(self, path: Path) -> bool:
        """Whether a file holds NCSN++ under the authors' names."""
        return path.is_file() and looks_published(path)

    def convert(
        self, source: Path, target: Path, name: str | None, like: str | None, told: Sequence[str]
    ) -> list[str]:
        """As `convert_speech`, with a card beside the weights."""
        if target.suffix != ".safetensors":
            raise UsageError(f"{target}: speech models become weight files; expected .safetensors")
        settings = convert_speech(source, target, name=name, like=like, told=read_settings(told))
        card = write_card(settings, target)
        record = settings.record
        assumed = ", ".join(f"{k} {v}" for k, v in dict(record["assumed"]).items())  # type: ignore[call-overload]
        process = f"{settings.process.name} {settings.process.params}"
        return [
            f"{target} {target.stat().st_size / 1e6:.1f} MB: {settings.network.name}, {process}, "
            f"{record['weights']}",
            *([f"not in the file, hence as in the authors' program: {assumed}"] if assumed else []),
            f"{card}: fill in what is not known",
        ]


SPEECH = SpeechFamily()

"""What the general training loop asks of this domain: samples, the loss, and validation.

`data` in a recipe names a source of speech: folders of speakers that are mixed with noise and rooms
on the way, or pairs on disc by their card.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.speech.data import Mixtures, Pairs, Windows
from undrift.speech.objective import SpeechLoss, speech_objective
from undrift.speech.pairs import PairFiles, card_pairs, folder_pairs, pairs_root
from undrift.speech.published_objectives import PublishedLoss, published_objective
from undrift.speech.signal import read_signal
from undrift.speech.simulate.banks import joined
from undrift.speech.simulate.law import Law
from undrift.speech.simulate.mixing import Mixer
from undrift.speech.sources import (
    open_noises,
    open_recorded,
    open_rooms,
    open_speech,
    speech_folder,
)
from undrift.speech.validation import Validation, ValidationSettings

_TRIAL = 8  # noises and rooms of banks that are thrown away


class MixturesSource(Strict):
    """Speech of `paths`, folders of speakers, without the speakers `without`; see `sources`.

    noises, noise_seconds, rooms: sizes of the banks. recorded: folders of recorded noises, from
    which `recorded_noises` more are made; a noise is drawn from all alike. law: of
    `undrift.speech.simulate.law.Law`.
    """

    kind: Literal["mixtures"] = "mixtures"
    paths: list[str] = Field(min_length=1)
    without: list[str] = Field(default_factory=list)
    noises: int = Field(1200, gt=0)
    noise_seconds: float = Field(5.0, gt=0)
    recorded: list[str] = Field(default_factory=list)
    recorded_noises: int = Field(2000, gt=0)
    rooms: int = Field(300, gt=0)
    seed: int = Field(1, ge=0)
    law: dict[str, object] = Field(default_factory=dict)


class PairsSource(Strict):
    """Pairs on disc: of a card's split below `root`, or, without a card, clean/ and noisy/ there.

    The root may begin with `cache:`, this program's cache.
    """

    kind: Literal["pairs", "dataset"]
    root: str
    card: str | None = None
    split: str | None = None
    view: str | None = None


class DataSettings(Strict):
    """The section `data` of a recipe of this domain.

    seconds: of a window. spread: of its level, dB. loss: of `objective` or of
    `published_objectives`.
    """

    source: MixturesSource | PairsSource = Field(discriminator="kind")
    seconds: float = Field(2.5, gt=0)
    spread: float = Field(3.0, ge=0)
    loss: SpeechLoss | PublishedLoss = Field(
        SpeechLoss.model_validate({}), union_mode="left_to_right"
    )


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """Opens the samples of a recipe, making the banks if they are not cached yet.

    trial: a folder; banks of noises and rooms are then small ones in it. Raises InputError for an
    unknown key, or a source that does not fit.
    """
    data, signal = load(DataSettings, recipe.data, "data"), read_signal(recipe.signal)
    rate, seed = signal.spectrogram.rate, recipe.schedule.seed
    if isinstance(data.source, PairsSource):
        source: Pairs = _pairs(data.source, rate, round(data.seconds * rate))
    else:
        source = _mixtures(data, data.source, rate, seed, trial)
    return Windows(source, signal, seed, data.spread)


def _pairs(source: PairsSource, rate: int, samples: int) -> PairFiles:
    root = pairs_root(source.root)
    if source.card is None:
        return PairFiles(folder_pairs(root), rate, samples)
    return PairFiles(card_pairs(source.card, root, source.split, source.view), rate, samples)


def _mixtures(
    data: DataSettings, source: MixturesSource, rate: int, seed: int, trial: Path | None
) -> Mixtures:
    place = trial or cache_folder() / "speech" / "banks"
    sizes = (source.noises, source.rooms, source.recorded_noises)
    noises, rooms, recorded = (n if trial is None else min(n, _TRIAL) for n in sizes)
    folders = [speech_folder(path) for path in source.paths]
    speech = open_speech(folders, rate, place, [], source.without)
    try:
        law = Law(**source.law)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"data.source.law: {error}") from error
    banks = [open_noises(place, noises, source.noise_seconds, source.seed, speech)]
    if source.recorded:
        heard = [speech_folder(path) for path in source.recorded]
        seconds, first = source.noise_seconds, source.seed
        banks.append(open_recorded(heard, rate, place, recorded, seconds, first))
    return Mixtures(
        Mixer(
            speech,
            joined(banks) if len(banks) > 1 else banks[0],
            open_rooms(place, rooms, rate, source.seed),
            round(data.seconds * rate),
            seed,
            law,
        )
    )


def open_objective(recipe: Recipe) -> Objective | None:
    """The loss that the recipe's data name; see `objective` and `published_objectives`."""
    loss = load(DataSettings, recipe.data, "data").loss
    if isinstance(loss, SpeechLoss):
        return speech_objective(recipe, loss)
    return published_objective(recipe, loss)


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Returns a function that scores a denoiser on mixtures of speakers not trained on.

    Raises InputError for an unknown key or a folder that cannot serve.
    """
    return Validation(load(ValidationSettings, settings, "validation"), read_signal(recipe.signal))

"""A data set of speech on disc, read by the views of its card: items one by one.

    data = SpeechData("voicebank-demand", "~/data/VoiceBank", split="test")
    for item in data:
        item.name, item.clean, item.degraded  # sounds, see `undrift.speech.audio.sound.Audio`

Opening lists the files and checks that they pair up; recordings are decoded when asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard
from undrift.common.errors import InputError, UndriftError
from undrift.common.open_views import ViewData
from undrift.common.open_views import check_views as check
from undrift.speech.audio.reading import open_audio, read_audio
from undrift.speech.audio.sound import Audio


@dataclass(frozen=True)
class Item:
    """One item; None where the data set has no such side. group: the speaker, where known."""

    name: str
    clean: Audio | None
    degraded: Audio | None
    group: str | None


class SpeechData(ViewData[Item]):
    """The items of one view of a card below `root`; see the module.

    rate: samples a second of all files, None where the card does not say. Raises as `ViewData`.
    """

    def __init__(
        self,
        card: str | DataCard,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
    ) -> None:
        super().__init__(card, root, split, view)
        self.rate = self.view.sample_rate_hz or self.card.front.undrift.signal.sample_rate_hz

    def __getitem__(self, k: int) -> Item:
        """Item k. Raises InputError where its files cannot be read or do not belong together."""
        if problems := self.problems(k):
            raise InputError("\n  ".join(problems))
        entry = self.entries[k]
        sounds = {side: read_audio(path) for side, path in entry.files.items()}
        return Item(entry.name, sounds.get("clean"), sounds.get("degraded"), entry.group)

    def problems(self, k: int) -> list[str]:
        """What is wrong with the files of item k, as far as their headers tell: one line each."""
        found: list[str] = []
        shapes: dict[str, tuple[int, int]] = {}
        files = self.entries[k].files
        for side, path in files.items():
            try:
                with open_audio(path) as sound:
                    rate, shapes[side] = sound.rate, (sound.channels, sound.frames)
            except UndriftError as error:
                found.append(str(error))
                continue
            if self.rate not in (None, rate):
                found.append(
                    f"{path} has {rate} samples a second; the card says {self.rate}: it is another "
                    "edition, or was changed; see the card's views"
                )
        if len(set(shapes.values())) > 1:
            told = " and ".join(
                f"{files[side]} has {n} samples in {channels} channel(s)"
                for side, (channels, n) in shapes.items()
            )
            found.append(f"{told}; expected the same: get both from the same release")
        return found


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """See `undrift.common.open_views.check_views`. Reads the header of every recording."""
    return check(card, root, SpeechData, _problems)


def _problems(data: SpeechData) -> Iterator[str]:
    return (problem for k in range(len(data)) for problem in data.problems(k))

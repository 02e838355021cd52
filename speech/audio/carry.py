"""What of a file is passed on as it came, and its texts.

Within one family (WAV, FLAC, MP3) everything that does not describe the samples is copied as bytes,
see `riff` and `heads`; between families the texts that libsndfile knows are set. It writes those of
MP3 in the wrong alphabet, so that these are set here.
"""

import contextlib
from pathlib import Path
from typing import Any

from undrift.speech.audio import heads, riff
from undrift.speech.audio.formats import WAVES, is_family
from undrift.speech.audio.sound import Stored


def read(path: Path) -> tuple[riff.Chunk, ...]:
    """The parts to pass on; none for files of other families."""
    with path.open("rb") as file:
        head = file.read(4)
    if head in (b"RIFF", b"RF64"):
        return riff.read(path)
    if head == b"fLaC":
        return heads.read_flac(path)
    return heads.read_id3(path) if head[:3] == b"ID3" else ()


def tag(file: Any, source: Stored, target: Stored) -> None:
    """Sets the texts of an open soundfile, where `write` does not."""
    import soundfile

    if target.format == "MP3" or _texts_carried(source, target):
        return
    for name, text in source.tags.items():
        with contextlib.suppress(soundfile.LibsndfileError):  # the format has no place for it
            setattr(file, name, text)


def write(path: Path, source: Stored, target: Stored, ratio: float) -> None:
    """Puts the parts and texts of the source into a finished file.

    ratio: its rate over the source's; marks that count samples are dropped if it is not 1.
    """
    carried = source.carried if is_family(source.format, target.format) else ()
    if target.format in WAVES:
        riff.write(path, carried, source.tags, ratio)
    elif target.format == "FLAC" and carried:
        heads.write_flac(path, carried, source.tags, ratio)
    elif target.format == "MP3":
        heads.write_id3(path, carried, source.tags)


def _texts_carried(source: Stored, target: Stored) -> bool:
    if not is_family(source.format, target.format):
        return False
    if target.format in WAVES:
        return riff.has_texts(source.carried)
    return target.format == "FLAC" and heads.has_comments(source.carried)

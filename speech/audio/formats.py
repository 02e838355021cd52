"""Which format and subtype an output file gets.

Kept as the source has them wherever the new file can hold them and its number of samples stays
exact. Block codecs (ADPCM, GSM) pad the last block, so they become plain numbers; so does ALAC
beyond 16 bits, of which libsndfile 1.2.2 writes frames that cannot be compressed wrongly; lossy
sounds in a lossless file get 24 bits. The format follows the suffix; WAV, WAVEX and RF64 are one
family.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from undrift.common.errors import UsageError, nearest
from undrift.speech.audio.sound import Stored

_OGG = "OGG"
# suffix -> format, and the subtype where the suffix says it
WRITTEN: Mapping[str, tuple[str, str | None]] = {
    ".wav": ("WAV", None), ".wave": ("WAV", None), ".bwf": ("WAV", None), ".rf64": ("RF64", None),
    ".w64": ("W64", None), ".flac": ("FLAC", None), ".ogg": (_OGG, None), ".oga": (_OGG, None),
    ".opus": (_OGG, "OPUS"), ".mp3": ("MP3", None), ".aiff": ("AIFF", None),
    ".aif": ("AIFF", None), ".aifc": ("AIFF", None), ".au": ("AU", None), ".snd": ("AU", None),
    ".caf": ("CAF", None), ".sph": ("NIST", None), ".nist": ("NIST", None),
}  # fmt: skip
DECODED = (".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov", ".wma", ".g722", ".ac3", ".amr",
           ".3gp")  # fmt: skip
SUFFIXES = (*WRITTEN, *DECODED)
FORMATS = {"wav": ".wav", "flac": ".flac", "ogg": ".ogg", "opus": ".opus", "mp3": ".mp3",
           "aiff": ".aiff", "au": ".au", "caf": ".caf", "w64": ".w64", "rf64": ".rf64"}  # fmt: skip

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ALAC_16": 16,
        "DWVW_12": 12, "DWVW_16": 16, "DWVW_24": 24}  # fmt: skip
BYTES = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4,
         "FLOAT": 4, "DOUBLE": 8}  # fmt: skip
FLOATS = ("FLOAT", "DOUBLE")
_READ_ONLY = ("ALAC_20", "ALAC_24", "ALAC_32", "MPEG_LAYER_I", "MPEG_LAYER_II")
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_III")
_EXACT = {*BITS, *FLOATS, *_LOSSY, "ULAW", "ALAW"}
_INSTEAD = {
    "PCM_U8": ("PCM_S8", "PCM_16"),
    "PCM_S8": ("PCM_U8", "PCM_16"),
    "PCM_16": ("ALAC_16",),
    "ULAW": ("PCM_16",),
    "ALAW": ("PCM_16",),
    "ALAC_20": ("PCM_24",),
    "ALAC_24": ("PCM_24",),
    "ALAC_32": ("PCM_32", "PCM_24"),
    "DOUBLE": ("FLOAT", "PCM_24"),
}
WAVES = ("WAV", "WAVEX", "RF64")


def output_suffix(suffix: str, format: str | None = None) -> str:
    """The suffix of the output for an input's suffix; `format` is one of FORMATS, or "keep".

    What can be decoded only becomes FLAC.
    Raises UsageError for an unknown format.
    """
    if format not in (None, "keep"):
        if format not in FORMATS:
            hint = nearest(format, FORMATS) or f"; known: keep, {', '.join(FORMATS)}"
            raise UsageError(f"unknown audio format '{format}'{hint}")
        return FORMATS[format]
    return ".flac" if suffix.lower() in DECODED else suffix


def choose(path: Path, stored: Stored, subtype: str | None = None) -> Stored:
    """How the file `path` keeps a sound that was `stored` so; `subtype` of None keeps that too.

    Raises UsageError for a suffix nobody can write, or a subtype the format does not know.
    """
    import soundfile

    format, own = _format(path, stored)
    known = {name for name in soundfile.available_subtypes(format) if name not in _READ_ONLY}
    if subtype not in (None, "keep"):
        wanted = subtype.upper()
        if wanted not in known:
            hint = nearest(wanted, known) or f"; it takes {', '.join(sorted(known))}"
            raise UsageError(f"{path}: {format} has no subtype '{subtype}'{hint}")
    else:
        wanted = own or _kept(stored, known)
    same = is_family(stored.format, format)
    endian = stored.endian if same and stored.subtype == wanted else "FILE"
    return replace(stored, format=format, subtype=wanted, endian=endian)


def check_target(path: Path, source: Path) -> None:
    """Raises UsageError where nobody can write the suffix of `path`, unless the source has it."""
    suffix = path.suffix.lower()
    if suffix not in WRITTEN and suffix != source.suffix.lower():
        hint = nearest(suffix, WRITTEN) or f"; known: {' '.join(WRITTEN)}"
        raise UsageError(f"{path}: nothing can write '{suffix}'{hint}")


def is_family(one: str, other: str) -> bool:
    """Whether two formats are kept alike."""
    return one == other or (one in WAVES and other in WAVES)


def _format(path: Path, stored: Stored) -> tuple[str, str | None]:
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        import soundfile

        if suffix[1:].upper() == stored.format and stored.format in soundfile.available_formats():
            return stored.format, None  # a rare format, kept: .voc, .htk, .avr
        hint = nearest(suffix, WRITTEN) or f"; known: {' '.join(WRITTEN)}"
        raise UsageError(f"{path}: nothing can write '{suffix}'{hint}")
    format, subtype = WRITTEN[suffix]
    same = is_family(stored.format, format)
    return (stored.format if same and format != "RF64" else format), subtype


def _kept(stored: Stored, known: set[str]) -> str:
    """The subtype that keeps most of what was stored."""
    lossy = next((name for name in _LOSSY if name in known and "PCM_16" not in known), None)
    if stored.subtype in known and stored.subtype in _EXACT:
        return stored.subtype
    if lossy:
        return lossy
    block_coded = stored.subtype not in _EXACT and stored.subtype.isupper()
    wishes = (*_INSTEAD.get(stored.subtype, ()), *(("PCM_16",) if block_coded else ()))
    for name in (*wishes, "PCM_24", "PCM_16"):
        if name in known:
            return name
    return min(known)

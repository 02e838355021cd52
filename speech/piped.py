"""Files in and out of one call: `-` in the place of a file, and a suffix nobody can write.

`-` is a sound file from standard input, or one to standard output. Both are whole files with a head
(WAV, FLAC, Ogg, ...), since loudness is measured before anything is enhanced; samples without a
head that come and go at once are for `undrift speech stream`.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from undrift.common.errors import InputError, UsageError
from undrift.common.run_options import RunOptions
from undrift.speech.audio.formats import check_target, output_suffix

PIPE = "-"
_HEADS = {b"RIFF": ".wav", b"RF64": ".wav", b"riff": ".w64", b"fLaC": ".flac", b"OggS": ".ogg",
          b"FORM": ".aiff", b"caff": ".caf", b".snd": ".au", b"ID3": ".mp3", b"\xff\xfb": ".mp3",
          b"\xff\xf3": ".mp3"}  # fmt: skip
_SEEN = 64  # bytes, where Opus says so in an Ogg file


@contextmanager
def piped(options: RunOptions, format: str) -> Iterator[RunOptions]:
    """The options with files in place of `-`; what was made goes out when the block ends.

    Raises UsageError for `-` among other inputs, a terminal, what standard output cannot take, or
    one file of a suffix that cannot be written; InputError where standard input is no sound file.
    """
    takes, gives = PIPE in options.inputs, str(options.output) == PIPE
    one = len(options.inputs) == 1 and (takes or Path(options.inputs[0]).is_file())
    if one and not gives and options.output.suffix and not options.output.is_dir():
        check_target(options.output, Path(options.inputs[0]))
    if not takes and not gives:
        yield options
        return
    if not one:
        raise UsageError("- stands for one sound: give it one file, or - alone")
    _check(options, takes, gives)
    with tempfile.TemporaryDirectory(prefix="undrift-") as scratch:
        source = _from_stdin(Path(scratch)) if takes else Path(options.inputs[0])
        target = options.output
        if gives:
            target = Path(scratch) / f"stdout{output_suffix(source.suffix, format)}"
        yield replace(options, inputs=(str(source),), output=target)
        if gives:
            with target.open("rb") as made:
                shutil.copyfileobj(made, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _check(options: RunOptions, takes: bool, gives: bool) -> None:
    if gives and (options.as_json or options.samples > 1 or options.dry_run):
        raise UsageError("-o - is the sound and nothing else: no --json, --samples or --dry-run")
    if takes and sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe a sound file into it")
    if gives and sys.stdout.isatty():
        raise UsageError("standard output is a terminal; pipe it, or name a file: -o FILE")


def _from_stdin(folder: Path) -> Path:
    head = sys.stdin.buffer.read(_SEEN)
    suffix = next((kind for mark, kind in _HEADS.items() if head.startswith(mark)), None)
    if suffix is None:
        raise InputError(
            f"standard input is no sound file (it begins with {head[:4]!r}); samples without a "
            "head go to `undrift speech stream --rate HZ`"
        )
    path = folder / f"stdin{'.opus' if b'OpusHead' in head else suffix}"
    with path.open("wb") as file:
        file.write(head)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path

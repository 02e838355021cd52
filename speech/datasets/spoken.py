"""Sentences spoken by a machine: more voices of men than the recordings have, and any number.

The program flite (voices of Carnegie Mellon University, 16 kHz) reads sentences that are put
together at random from the words below; which ones follows from the name of the voice alone, so
that the same version of flite makes the same files again.
"""

import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.cards import DataCard
from undrift.common.errors import InputError, nearest
from undrift.common.files import write_atomically

VOICES = ("rms", "awb", "slt", "kal16")
COUNT = 200  # sentences of a voice
_ADJECTIVES = """small quiet heavy yellow ancient cheap thirsty wooden foggy clever narrow bright
    purple stubborn hollow gentle rough early frozen sixteenth northern vague shallow young"""
_NOUNS = """farmer bridge kettle engine judge window shepherd village choir garage lighthouse thief
    valley measure orchard pilot zebra bath ship church feather uncle journey measure hedgehog azure
    vision mother thumb oyster"""
_VERBS = """follows watches measures leaves shoves carries changes breathes chooses pushes borrows
    washes questions visits catches throws loathes enjoys kicks writes"""
_PLACES = "beyond under across without beneath along near behind around through towards beside"
_MANNERS = (
    "slowly", "by chance", "on Thursday", "before noon", "in the rain", "with great care",
    "at half past three", "once again", "after breakfast", "without a sound",
    "for nineteen pounds", "in July",
)  # fmt: skip


def sentence(draw: random.Random) -> str:
    """One English sentence; its words follow from the state of `draw`."""

    def a(words: str) -> str:
        return draw.choice(words.split())

    kind = draw.random()
    if kind < 0.6:
        return (
            f"The {a(_ADJECTIVES)} {a(_NOUNS)} {a(_VERBS)} the {a(_NOUNS)} {a(_PLACES)} the "
            f"{a(_ADJECTIVES)} {a(_NOUNS)}."
        )
    if kind < 0.8:
        manner = draw.choice(_MANNERS).capitalize()
        return f"{manner}, my {a(_NOUNS)} {a(_VERBS)} every {a(_ADJECTIVES)} {a(_NOUNS)}."
    return (
        f"Why is the {a(_NOUNS)} so {a(_ADJECTIVES)}, and who {a(_VERBS)} that {a(_NOUNS)} "
        f"{draw.choice(_MANNERS)}?"
    )


def make_spoken(
    card: DataCard, folder: Path, options: Mapping[str, Any], overwrite: bool = False
) -> dict[Path, str]:
    """Writes `folder/flite-<voice>/<number>.wav`: file -> "written" or "skipped".

    options: `items` (names of voices, default all) and `count` (sentences of a voice, default 200).

    Raises InputError for an unknown voice, a count below 1, and where there is no program flite.
    """
    count, voices = options.get("count", COUNT), options.get("items") or list(VOICES)
    if count < 1:
        raise InputError(f"count must be 1 or more, got {count}")
    for voice in voices:
        if voice not in VOICES:
            raise InputError(
                f"{card.id} has no item {voice!r}{nearest(voice, VOICES)}; its items are the "
                f"voices {', '.join(VOICES)}"
            )
    program = shutil.which("flite")
    if program is None:
        raise InputError(
            "there is no program flite here to speak the sentences; install it, on Debian with "
            "`apt-get install flite`"
        )
    done: dict[Path, str] = {}
    for voice in voices:
        draw = random.Random(f"undrift {voice}")
        for number in range(count):
            text, path = sentence(draw), folder / f"flite-{voice}" / f"{number:03d}.wav"
            done[path] = "skipped" if path.exists() and not overwrite else "written"
            if done[path] == "written":
                _speak(program, voice, text, path)
    return done


def _speak(program: str, voice: str, text: str, path: Path) -> None:
    def speak(part: Path) -> None:
        command = [program, "-voice", voice, "-t", text, "-o", str(part)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if said.returncode or not part.is_file():
            raise InputError(f"`{' '.join(command)}` failed: {said.stderr.strip() or 'no file'}")

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, speak)

"""Speech: noise and reverberation taken away from recordings of any length, and from streams.

`enhance` is the task call, `Streamer` the same for samples as they come, `Audio` a sound with its
rate and how its file keeps it. They are imported when they are asked for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undrift.speech.audio import Audio, read_audio, write_audio
    from undrift.speech.stream import Streamer
    from undrift.speech.tasks import enhance

LAZY = {
    "Audio": "undrift.speech.audio",
    "Streamer": "undrift.speech.stream",
    "enhance": "undrift.speech.tasks",
    "read_audio": "undrift.speech.audio",
    "write_audio": "undrift.speech.audio",
}

__all__ = ["Audio", "Streamer", "enhance", "read_audio", "write_audio"]


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'undrift.speech' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

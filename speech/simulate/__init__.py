"""Simulated recordings: noises, rooms and mixtures whose every number is recorded.

made = simulate(speech, 16000, "test", seed=7)      # made.clean, made.noisy, made.record
reverberant, noisy = mix(speech, noise("wind", len(speech), 16000, rng), 5.0, 16000)
response = impulse_response(Room((6, 4, 3), (1, 1, 1.5), (4, 3, 1.2), t60=0.5), 16000)
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undrift.speech.simulate.conditions import CONDITIONS, Conditions
    from undrift.speech.simulate.levels import mix, snr
    from undrift.speech.simulate.mixing import Mixer
    from undrift.speech.simulate.noises import FAMILIES, families, noise
    from undrift.speech.simulate.recording import Simulated, simulate
    from undrift.speech.simulate.rooms import Room, impulse_response

_LAZY = {
    "CONDITIONS": "conditions",
    "FAMILIES": "noises",
    "Conditions": "conditions",
    "Mixer": "mixing",
    "Room": "rooms",
    "Simulated": "recording",
    "families": "noises",
    "impulse_response": "rooms",
    "mix": "levels",
    "noise": "noises",
    "simulate": "recording",
    "snr": "levels",
}

__all__ = [
    "CONDITIONS",
    "FAMILIES",
    "Conditions",
    "Mixer",
    "Room",
    "Simulated",
    "families",
    "impulse_response",
    "mix",
    "noise",
    "simulate",
    "snr",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

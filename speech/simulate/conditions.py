"""Conditions of simulated recordings: which noise, how loud, which rooms. The published ones too.

`train` and `test` are our own: noise of the training or of the test families, in a share of rooms.
The others repeat the mixing recipes of published corpora as far as a recipe goes; who has their
speech and noise gets mixtures of the same law (not the same files: the random numbers differ, and
rooms are made by the image method with a diffuse tail where the corpora traced rays).

- `wsj0-chime3`: SGMSE+ (Richter et al. 2023). Ratio of mean powers, uniform from 0 to 20 dB.
- `wsj0-chime3-storm`: StoRM (Lemercier et al. 2023). The same from -6 to 14 dB.
- `wsj0-reverb`: SGMSE+. T60 0.4 to 1 s, rooms of 5-15 x 5-15 x 2-6 m, both points anywhere but 1 m
  from the walls, no noise; the target is the direct sound; the reverberant peak becomes 0.9.
- `ears-wham`: EARS (Richter et al. 2024). Ratio of loudness (BS.1770), uniform from -2.5 to 17.5 dB
  in steps of 0.1; where the sum would clip, 1 dB better until it does not.
"""

from dataclasses import dataclass, field
from typing import Literal

from undrift.common.errors import UsageError, nearest
from undrift.speech.simulate.random_rooms import Rooms


@dataclass(frozen=True)
class Conditions:
    """What is drawn for a recording.

    noise: families, or "train" or "test" for all of one split; None where noise files must be
    given; () for none. two: share with a second noise. snr: dB, uniform. snr_step: dB, rounds it;
    0 does not. snr_by: see `levels.snr`. reverberant: share with a room. target: "direct", the dry
    speech in step with the direct sound, or "early", with the reflections of the first `early`
    seconds. tail: seconds of silence appended to the speech. peak: "fit" scales both files where
    the noisy one would pass 0.99; "better" raises the ratio instead; "0.9" scales both so that its
    peak is 0.9; "keep" does nothing.
    """

    about: str
    noise: tuple[str, ...] | None = ("train",)
    two: float = 0.0
    snr: tuple[float, float] = (-6.0, 18.0)
    snr_step: float = 0.0
    snr_by: Literal["active", "power", "loudness"] = "active"
    reverberant: float = 0.0
    rooms: Rooms = field(default_factory=Rooms)
    target: Literal["direct", "early"] = "direct"
    early: float = 0.05
    tail: float = 0.0
    peak: Literal["fit", "better", "0.9", "keep"] = "fit"


CONDITIONS: dict[str, Conditions] = {
    "train": Conditions(
        "Training families at -6 to 18 dB, 45 % in rooms.", two=0.25, reverberant=0.45
    ),
    "test": Conditions(
        "Test families at -5 to 15 dB, 45 % in rooms.",
        noise=("test",),
        snr=(-5.0, 15.0),
        reverberant=0.45,
    ),
    "noise": Conditions("Test families at -5 to 15 dB, no rooms.", ("test",), snr=(-5.0, 15.0)),
    "reverb": Conditions("Rooms with T60 of 0.2 to 1 s, no noise.", (), reverberant=1.0, tail=0.5),
    "wsj0-chime3": Conditions(
        "As WSJ0-CHiME3 of SGMSE+: --noise DIR, mean powers, 0 to 20 dB.",
        None,
        snr=(0.0, 20.0),
        snr_by="power",
        peak="keep",
    ),
    "wsj0-chime3-storm": Conditions(
        "As WSJ0-CHiME3 of StoRM: --noise DIR, mean powers, -6 to 14 dB.",
        None,
        snr=(-6.0, 14.0),
        snr_by="power",
        peak="keep",
    ),
    "wsj0-reverb": Conditions(
        "As WSJ0-REVERB of SGMSE+: T60 0.4 to 1 s, rooms up to 15 x 15 x 6 m.",
        (),
        reverberant=1.0,
        rooms=Rooms((0.4, 1.0), (5.0, 5.0, 2.0), (15.0, 15.0, 6.0), 1.0, None),
        tail=0.5,
        peak="0.9",
    ),
    "ears-wham": Conditions(
        "As EARS-WHAM: --noise DIR, ratio of loudness, -2.5 to 17.5 dB.",
        None,
        snr=(-2.5, 17.5),
        snr_step=0.1,
        snr_by="loudness",
        peak="better",
    ),
}


def find_conditions(name: str) -> Conditions:
    """The conditions of that name. Raises UsageError."""
    if name not in CONDITIONS:
        raise UsageError(
            f"unknown recipe {name!r}; expected one of {', '.join(CONDITIONS)}"
            f"{nearest(name, CONDITIONS)}"
        )
    return CONDITIONS[name]

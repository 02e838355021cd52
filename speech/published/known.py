"""Published checkpoints by name: what their files may leave out, and what their authors recommend.

From the READMEs of github.com/sp-uhh/sgmse (ae690e8), /storm (257e963) and /sgmse-bbed (e4ec469).
A file's own options have to agree with these. Licences of weights are not stated there.
"""

from dataclasses import dataclass, field

from undrift.common.errors import UsageError, nearest

_FRONT_16K: dict[str, object] = {
    "n_fft": 510,
    "hop_length": 128,
    "spec_factor": 0.15,
    "spec_abs_exponent": 0.5,
}
_OUVE: dict[str, object] = {"sde": "ouve", "theta": 1.5, "sigma_min": 0.05, "sigma_max": 0.5}
_16K = {"backbone": "ncsnpp", **_OUVE, **_FRONT_16K}
_48K: dict[str, object] = {
    "backbone": "ncsnpp_48k",
    "sde": "ouve",
    "theta": 2.0,
    "sigma_min": 0.1,
    "sigma_max": 1.0,
    "n_fft": 1534,
    "hop_length": 384,
    "spec_factor": 0.065,
    "spec_abs_exponent": 0.667,
}
_BRIDGE: dict[str, object] = {
    "backbone": "ncsnpp_v2",
    "loss_type": "data_prediction",
    "sde": "sbve",
    "k": 2.6,
    "c": 0.4,
    "sr": 16000,
    **_FRONT_16K,
}
_STORM = {"backbone_denoiser": "ncsnpp", "backbone_score": "ncsnpp", **_OUVE}


@dataclass(frozen=True)
class Known:
    """options: of training. sampler: fields of the sampler that differ from the usual ones."""

    options: dict[str, object]
    task: str = "enhance"
    sampler: dict[str, object] = field(default_factory=dict)
    home: str = "github.com/sp-uhh/sgmse"


_STORM_HOME = "github.com/sp-uhh/storm"
KNOWN = {
    "sgmse-vb-dmd": Known(_16K),
    "sgmse-wsj0-chime3": Known(_16K),
    "sgmse-wsj0-reverb": Known(_16K, "dereverb", {"steps": 50, "snr": 0.33}),
    "sgmse-ears-wham": Known(_48K),
    "sgmse-ears-reverb": Known(_48K, "dereverb"),
    "sb-vb-dmd-ears-wham": Known(_BRIDGE),
    "bbed-wsj0-chime3": Known(
        {"backbone": "ncsnpp", **_FRONT_16K}, home="github.com/sp-uhh/sgmse-bbed"
    ),
    "storm-vb-dmd": Known(_STORM, home=_STORM_HOME),
    "storm-wsj0-chime3": Known(_STORM, home=_STORM_HOME),
    "storm-timit-chime3": Known(_STORM, home=_STORM_HOME),
    "storm-wsj0-wind": Known(_STORM, home=_STORM_HOME),
    "storm-wsj0-reverb": Known(_STORM, "dereverb", home=_STORM_HOME),
}


def find_known(name: str) -> Known:
    """One of the table; raises UsageError, with the nearest name, for another."""
    if name not in KNOWN:
        known = ", ".join(KNOWN)
        raise UsageError(f"no published checkpoint {name!r}; known: {known}{nearest(name, KNOWN)}")
    return KNOWN[name]

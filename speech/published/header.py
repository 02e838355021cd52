"""The header of a converted checkpoint, from the options of its training.

The authors' noise is complex with total variance 1, ours is of variance 1 in each real channel:
deviations shrink by the root of two, variances by two.

    ouve   sigma_min, sigma_max -> low, high = sigma / sqrt 2
    sbve   c -> c/2
    bbed   theta -> theta/2;   bbve, its first name, has k = sigma_max/sigma_min
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import get_args

from undrift.common.errors import InputError
from undrift.common.networks.ncsnpp.storm_network import Condition
from undrift.common.networks.ncsnpp.variants import DENOISER, VARIANTS, settings_of
from undrift.speech.bridge import BridgeSampler
from undrift.speech.checkpoints import Sampler
from undrift.speech.published.options import Options
from undrift.speech.published.reading import Checkpoint
from undrift.speech.sgmse import BBED_HALF, BBED_WHOLE, SGMSE_PLUS, STORM, ScoreSampler

Params = dict[str, object]
SIGMA_D = 0.1  # any number: it only says how angles are counted
_PROCESSES = ("ouve", "sbve", "bbed", "bbve")
_BACKBONES = ("ncsnpp", "ncsnpp_v2", "ncsnpp_48k")
# Options of the backbone that only have this one value in every published network.
_FIXED: Params = {
    "nonlinearity": "swish",
    "resblock_type": "biggan",
    "embedding_type": "fourier",
    "fir": True,
    "skip_rescale": True,
    "scale_by_sigma": True,
    "conditional": True,
    "progressive_combine": "sum",
}
_SIZES = {
    "nf": "width",
    "ch_mult": "multipliers",
    "num_res_blocks": "depth",
    "attn_resolutions": "attention",
    "image_size": "rows",
    "centered": "centred",
}


def process_of(options: Options) -> tuple[str, Params]:
    """Name and parameters of the process, in the units of one real channel."""
    kind = options.word("sde", _PROCESSES)
    if kind == "ouve":
        theta, low, high = (options.number(k) for k in ("theta", "sigma_min", "sigma_max"))
        root = math.sqrt(2)
        return "ouve", {"theta": theta, "low": low / root, "high": high / root}
    if kind == "sbve":
        return "schroedinger-bridge", {
            "kind": "ve",
            "c": options.number("c") / 2,
            "k": options.number("k"),
        }
    theta = options.number("theta")
    if kind == "bbve" and "k" not in options.told:
        base = options.number("sigma_max") / options.number("sigma_min", 1.0)
    else:
        base = options.number("k")
    return "bbed", {"k": base, "theta": theta / 2}


def signal_of(options: Options, full_band: bool) -> Params:
    """The section `signal`: the spectrogram; the level is a peak of 1."""
    rate = 48000 if full_band else options.whole("sr", 16000)
    return {
        "spectrogram": {
            "rate": rate,
            "n_fft": options.whole("n_fft"),
            "hop": options.whole("hop_length"),
            "factor": options.number("spec_factor"),
            "exponent": options.number("spec_abs_exponent"),
            "transform": options.word("transform_type", ("exponent", "log", "none"), "exponent"),
            "window": options.word("window", ("hann", "sqrthann"), "hann"),
        },
        "level": None,
    }


def network_of(
    checkpoint: Checkpoint, options: Options, process: tuple[str, Params]
) -> tuple[str, Params]:
    """Name and parameters of the network."""
    shared: Params = {
        "process": {"name": process[0], "params": process[1]},
        "sigma_d": SIGMA_D,
        "least": asked_from(options, process[0]),
        "most": options.number("T_sampling", 0.999) if process[0] == "bbed" else 1.0,
    }
    if checkpoint.storm:
        return "ncsnpp-storm", {**storm_of(checkpoint, options), **shared}
    name = options.word("backbone", _BACKBONES)
    return "ncsnpp", {
        "backbone": backbone_of(checkpoint, options, "dnn.", name),
        "rules": rules_of(options, name == "ncsnpp_v2"),
        "padding": "zero" if name == "ncsnpp" else "reflect",
        **shared,
    }


def storm_of(checkpoint: Checkpoint, options: Options) -> Params:
    """The two networks of StoRM, and what the second is told."""
    known = tuple(name.removeprefix("storm/") for name in VARIANTS if name.startswith("storm/"))
    first, score = (options.word(f"backbone_{k}", known) for k in ("denoiser", "score"))
    return {
        "denoiser": {**backbone_of(checkpoint, options, "denoiser_net.", first), **DENOISER},
        "score": backbone_of(checkpoint, options, "score_net.", score),
        "condition": options.word("condition", get_args(Condition), "both"),
    }


def trained_from(options: Options) -> float:
    """The least time of training."""
    return options.number("t_eps", 0.03)


def asked_from(options: Options, process: str) -> float:
    """The least time a network is asked at; authors ask those of bridges beyond their training."""
    return BridgeSampler().least if process == "schroedinger-bridge" else trained_from(options)


def backbone_of(checkpoint: Checkpoint, options: Options, stage: str, name: str) -> Params:
    """Settings of one `NCSNpp`. Raises InputError for options that it does not have."""
    told, shapes = options.told, checkpoint.shapes(stage)
    other = [f"{k} {told[k]!r}" for k, v in _FIXED.items() if k in told and told[k] != v]
    if other:
        raise InputError(
            f"{checkpoint.path}: networks with {', '.join(other)} are not converted; expected "
            f"{_FIXED}"
        )
    family = "" if stage == "dnn." else "storm/"
    sizes = {ours: told[theirs] for theirs, ours in _SIZES.items() if told.get(theirs) is not None}
    pyramids = {told[k] for k in ("progressive", "progressive_input") if told.get(k)}
    if pyramids == {"none"}:
        sizes["pyramids"] = False
    elif not pyramids <= {"output_skip", "input_skip"}:
        raise InputError(f"{checkpoint.path}: pyramids {sorted(map(str, pyramids))} are not known")
    output = shapes.get("output_layer.weight", (2, 4))
    return settings_of(family + name, **{**sizes, "channels": output[1]})


def rules_of(options: Options, second: bool) -> Params:
    """How the answer is read; only the second version of the network has scalings."""
    losses = {
        "score_matching": "score",
        "mse": "score",
        "mae": "score",
        "denoiser": "denoiser" if second else "score",
        "data_prediction": "x0",
    }
    gives = losses[options.word("loss_type", tuple(losses))]
    if not second:
        return {"gives": gives, "sign": -1}
    return {
        "gives": gives,
        "sign": 1,
        "c_in": options.word("c_in", ("1", "edm"), "1"),
        "c_out": options.word("c_out", ("1", "sigma", "1/sigma", "edm"), "1"),
        "c_skip": options.word("c_skip", ("0", "edm"), "0"),
        "division": options.word("network_scaling", ("none", "1/sigma", "1/t"), "none"),
        "sigma_data": options.number("sigma_data", 0.1),
    }


def prediction_of(params: Params) -> str:
    """What the network with its scalings gives a denoiser."""
    rules = params.get("rules")
    return "x0" if isinstance(rules, dict) and rules["gives"] == "x0" else "eps"


def sampler_of(options: Options, process: str, storm: bool, changes: Mapping) -> Sampler:
    """How the authors sample by default, with what a table says of this checkpoint."""
    if process == "schroedinger-bridge":
        kind = options.word("sampler_type", ("ode", "sde"), "ode")
        steps = options.whole("N", 50)
        bridge = BridgeSampler(kind, steps, estimator_time="current", compat="sgmse")  # type: ignore[arg-type]
        return replace(bridge, **changes)
    least = trained_from(options)
    if storm:
        sampler = replace(STORM, compat="even-steps")
    elif process == "bbed":
        sampler = replace(BBED_WHOLE, start=options.number("T_sampling", 0.999))
    else:
        kind = options.word("sampler_type", ("pc", "ode"), "pc")
        sampler = replace(SGMSE_PLUS, kind=kind, steps=options.whole("N", SGMSE_PLUS.steps))  # type: ignore[arg-type]
    return replace(sampler, least=least, **changes)


def presets_of(sampler: Sampler, trained: float) -> Params:
    """Few calls by the package's own solvers, the last one at the least time that was trained.

    BBED is pinned to y at its far end, where errors of an estimate grow without bound: few steps
    start at half time, as its authors do, and many are of first order.
    """
    score = isinstance(sampler, ScoreSampler)
    pinned = score and sampler.start < 1
    presets = {}
    for name, calls in (("fast", 5), ("balanced", 10), ("best", 30)):
        first = sampler.start if score else 1.0
        first = BBED_HALF.start if pinned and name != "best" else first
        solver = "multistep-2" if score and not (pinned and name == "best") else "ddim"
        stride = (first - trained) / (calls - 1)
        times = (*(first - k * stride for k in range(calls - 1)), trained, 0.0)
        presets[name] = {"solver": solver, "steps": calls, "times": times}
    return presets


def sampler_block(sampler: Sampler) -> Params:
    """As the header writes it."""
    name = "score" if isinstance(sampler, ScoreSampler) else "bridge"
    return {"name": name, "params": asdict(sampler)}

"""Reads the configuration of a scheduler of diffusers as settings of an `UndriftScheduler`.

What belongs to the trained network is taken over: schedule, target, time values, clipping, shift.
What only says how to sample (solver, spacing, karras sigmas) is left to the caller. Defaults of
their class count as given, since their `from_config` drops them.
"""

from collections.abc import Mapping
from typing import Any

from undrift.common.errors import InputError

_SAME = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
    "prediction_type",
    "clip_sample",
    "clip_sample_range",
)
# Keys of schedulers whose networks jump to the end, or work on tokens.
_OTHER = ("original_inference_steps", "clip_denoised", "num_vec_classes", "mask_token_id")


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for `UndriftScheduler` from the configuration of another scheduler.

    Raises InputError for schedulers whose networks do not estimate x0 of a Gaussian path, and for
    dynamic thresholding, which is not offered here.
    """
    for key in _OTHER:
        if key in config:
            raise InputError(f"a scheduler with {key} is not for denoisers; it cannot be replaced")
    if config.get("thresholding"):
        raise InputError("dynamic thresholding is not offered; set thresholding to False in it")
    if "shift" in config or config.get("prediction_type") == "flow_prediction":
        return _flow(config)
    if "sigma_data" in config or config.get("timestep_type") == "continuous":
        return _edm(config)
    if "sampling_eps" in config and "sigma_max" in config:
        return _score(config)
    if "beta_schedule" in config or config.get("trained_betas") is not None:
        return {key: config[key] for key in _SAME if key in config}
    raise InputError(f"a scheduler of {sorted(config)} has neither betas nor sigmas nor a flow")


def _flow(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("invert_sigmas"):
        raise InputError("a flow with inverted sigmas (Mochi) runs the other way; not supported")
    return {
        "process": "flow",
        "prediction_type": "flow_prediction",
        "timestep_type": "time",
        "num_train_timesteps": config.get("num_train_timesteps", 1000),
        "shift": 1.0 if config.get("use_dynamic_shifting") else _shift(config),
        "time_shift_type": config.get("time_shift_type", "exponential"),
    }


def _shift(config: Mapping[str, Any]) -> float:
    return float(config.get("shift") or config.get("flow_shift") or 1.0)


def _edm(config: Mapping[str, Any]) -> dict[str, Any]:
    """Karras et al. 2022: x0 + sigma eps, the network preconditioned; Euler's "continuous" is one
    with sigma_data = 1 (stable video diffusion)."""
    kind = {"epsilon": "balanced", "v_prediction": "v_prediction"}[config["prediction_type"]]
    return {
        "process": "variance-exploding",
        "process_params": {"high": config.get("sigma_max") or 80.0, "law": "linear"},
        "prediction_type": kind,
        "timestep_type": "edm",
        "scale_input": True,
        "sigma_d": config.get("sigma_data", 1.0),
        "num_train_timesteps": config.get("num_train_timesteps", 1000),
    }


def _score(config: Mapping[str, Any]) -> dict[str, Any]:
    """Song et al. 2021, variance exploding: the network gives the score and is told sigma."""
    return {
        "process": "variance-exploding",
        "process_params": {"low": config["sigma_min"], "high": config["sigma_max"]},
        "prediction_type": "score",
        "timestep_type": "sigma",
        "num_train_timesteps": config.get("num_train_timesteps", 1000),
    }

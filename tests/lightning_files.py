"""Checkpoints in the layout of the authors' training program, around the small official networks.

Lightning's top-level keys, the options with the class of the data module among them, and the moving
average as torch-ema writes it. The averaged weights are the stored official ones, the last trained
ones are others, so that a test sees which are taken.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from ncsnpp_stored import tensors
from torch import Tensor

from undrift.speech.checkpoints import SpeechCheckpoint, load_speech_checkpoint
from undrift.speech.published.convert import convert_speech

FRONT = {"n_fft": 62, "hop_length": 16, "spec_factor": 0.15, "spec_abs_exponent": 0.5}
DNN = {"dnn.": "ncsnpp_small"}
SECOND = {"dnn.": "ncsnpp_v2_small"}
TWO = {"denoiser_net.": "storm_denoiser_small", "score_net.": "storm_score_small"}
OUVE = {"sde": "ouve", "theta": 1.5, "sigma_min": 0.05, "sigma_max": 0.5}
SMALL = {"nf": 8, "ch_mult": (1, 1, 2), "num_res_blocks": 1, "attn_resolutions": (16,)}
STORM = {"nf": 8, "ch_mult": (1, 2, 2, 2), "num_res_blocks": 1, "attn_resolutions": (0,)}
COMMON = {
    "lr": 1e-4, "ema_decay": 0.999, "t_eps": 0.03, "num_eval_files": 20, "base_dir": "/data/vb",
    "batch_size": 8, "num_frames": 256, "window": "hann", "num_workers": 4, "dummy": False,
    "normalize": "noisy", "transform_type": "exponent", "format": "default", "image_size": 32,
    **FRONT,
}  # fmt: skip
SGMSE = {
    **COMMON, **OUVE, **SMALL, "backbone": "ncsnpp", "centered": True, "N": 30, "sr": 16000,
    "sampler_type": "pc", "loss_type": "score_matching", "loss_weighting": "sigma^2",
    "network_scaling": None, "c_in": "1", "c_out": "1", "c_skip": "0", "sigma_data": 0.1,
    "l1_weight": 0.001, "pesq_weight": 0.0,
}  # fmt: skip
BRIDGE = {
    **{k: v for k, v in SGMSE.items() if k not in OUVE}, "backbone": "ncsnpp_v2", "sde": "sbve",
    "k": 2.6, "c": 0.4, "eps": 1e-8, "N": 50, "sampler_type": "ode", "pesq_weight": 5e-4,
    "loss_type": "data_prediction",
}  # fmt: skip
YEAR_2022 = {
    **COMMON, **OUVE, **SMALL, "backbone": "ncsnpp", "loss_type": "mse", "sde_n": 1000, "gpus": 4,
    "eval_start": 0,
}  # fmt: skip
BBVE = {
    **{k: v for k, v in YEAR_2022.items() if k not in OUVE}, "sde": "bbve", "sigma_min": 1.0,
    "sigma_max": 2.6, "theta": 0.53, "T_sampling": 0.999, "loss_abs_exponent": 0.5,
}  # fmt: skip
REGENERATION = {
    **COMMON, **OUVE, **STORM, "backbone_denoiser": "ncsnpp", "backbone_score": "ncsnpp",
    "mode": "regen-joint-training", "condition": "both", "loss_type_denoiser": "mse",
    "loss_type_score": "mse", "weighting_denoiser_to_score": 0.5, "spatial_channels": 1,
    "input_channels": 6, "discriminative": False, "sde_n": 1000,
}  # fmt: skip


@contextmanager
def training_program() -> Iterator[type]:
    """The module whose class such files name, while they are written."""
    package, module = ModuleType("sgmse"), ModuleType("sgmse.data_module")
    kind = type("SpecsDataModule", (), {"__module__": "sgmse.data_module"})
    module.SpecsDataModule = kind  # type: ignore[attr-defined]
    sys.modules |= {"sgmse": package, "sgmse.data_module": module}
    try:
        yield kind
    finally:
        del sys.modules["sgmse"], sys.modules["sgmse.data_module"]


def write(
    path: Path,
    networks: Mapping[str, str],
    options: Mapping[str, Any],
    average: str = "all",
    more: Mapping[str, Tensor] | None = None,
) -> Path:
    """networks: prefix and stored network. average: "all", "trained" or "none". more: tensors."""
    named = {f"{p}{k}": v for p, name in networks.items() for k, v in tensors(name).items()}
    last = {key: value + 0.1 for key, value in named.items() if not key.endswith(".W")}
    shadow = [v for k, v in named.items() if average == "all" or not k.endswith("modules.0.W")]
    with training_program() as kind:
        kept: dict[str, Any] = {
            "epoch": 159,
            "global_step": 1000,
            "pytorch-lightning_version": "2.6.6",
            "state_dict": {**named, **last, **(more or {})},
            "loops": {"fit_loop": {"state_dict": {}}},
            "callbacks": {"ModelCheckpoint{'monitor': 'pesq'}": {"best_model_path": "a.ckpt"}},
            "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": []}],
            "lr_schedulers": [],
            "hparams_name": "kwargs",
            "hyper_parameters": {**options, "data_module_cls": kind},
        }
        if average != "none":
            kept["ema"] = {
                "decay": 0.999,
                "num_updates": 1000,
                "shadow_params": shadow,
                "collected_params": None,
            }
        torch.save(kept, path)
    return path


def converted(
    folder: Path,
    networks: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    average: str = "all",
    more: Mapping[str, Tensor] | None = None,
    **told: Any,
) -> SpeechCheckpoint:
    """A checkpoint that is written, converted and read back."""
    source = write(folder / "x.ckpt", networks, options, average, more)
    target = folder / "x.safetensors"
    convert_speech(source, target, **told)
    return load_speech_checkpoint(target)

"""Weights in eight bits: a quarter of the file, the same speed.

Every weight with two axes or more (convolutions, linear layers, tables) is stored as integers
q = round(w / scale) in [-127, 127] with one scale = max |w| / 127 for each output channel:
symmetric, per channel, no data needed (Jacob et al., CVPR 2018, Eq. (1) with Z = 0). Vectors
(biases, norms) stay. The network computes in its usual precision on what is read back, so nothing
is faster: this is for storage and transport.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from undrift.common.errors import InputError

SCALE = ".scale"  # a stored weight "w" is w * w.scale, the scale over the first axis


def quantised(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same state with int8 weights, each beside its scale (channels,) float32.

    Raises InputError for a state that is quantised already, or with values that are not finite.
    """
    done: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.dtype == torch.int8:
            raise InputError(f"{name} is int8 already; quantise the original weights")
        if value.ndim < 2 or not value.is_floating_point():
            done[name] = value
            continue
        if not value.isfinite().all():
            raise InputError(f"{name} holds values that are not finite")
        fine = value.detach().double().flatten(1)
        scale = (fine.abs().amax(1) / 127).float()
        scale[scale == 0] = 1.0
        steps = (fine / scale.double()[:, None]).round().clamp(-127, 127)
        done[name] = steps.to(torch.int8).reshape(value.shape)
        done[name + SCALE] = scale
    return done


def dequantised(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The float32 weights of a state, quantised or not.

    Raises InputError for int8 weights without a scale.
    """
    done: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(SCALE) and state.get(name.removesuffix(SCALE), value).dtype == torch.int8:
            continue
        done[name] = value.float()
        if value.dtype == torch.int8:
            if name + SCALE not in state:
                raise InputError(f"{name} is int8 but has no {name + SCALE}; write the file again")
            scale = state[name + SCALE].float()
            done[name] *= scale.reshape(-1, *[1] * (value.ndim - 1))
    return done


def quantise_file(source: Path, target: Path) -> tuple[int, int]:
    """Writes a weight file with int8 weights and the same settings; returns both sizes in bytes.

    Raises InputError for a file that is no weight file, or quantised already.
    """
    from undrift.common.weights.files import read_settings, save_weights

    settings = read_settings(source)
    with safe_open(source, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    record = {**settings.record, "quantised": "int8, symmetric, one scale a channel"}
    told = settings.model_copy(update={"record": record})
    save_weights(target, quantised(state), told)
    return source.stat().st_size, target.stat().st_size

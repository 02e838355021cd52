"""What is in a published checkpoint, read as tensors and numbers; nothing in it is run.

Lightning's files hold `state_dict`, `hyper_parameters` (all options of the training program) and,
here, `ema`: the moving average of the parameters as a list. Among the options is a class of that
program, `SpecsDataModule`, for which torch's safe loader refuses the file; it is given a stand-in
of that name, of which nothing is built. Whatever else a file names that is not data is refused.
"""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from undrift.common.errors import InputError

NAMED = "sgmse.data_module.SpecsDataModule"
_INSIDE = ("state_dict", "model_state_dict", "model", "ema")  # where bare tensors may lie
_LOSS = "pesq_loss."  # a loss with tensors of its own, which no network needs
STAGES = ("dnn.", "denoiser_net.", "score_net.")


class SpecsDataModule:
    """Stands in for the class that these files name."""


@dataclass(frozen=True)
class Checkpoint:
    """state: tensors by name, behind "dnn." or, for StoRM, "denoiser_net." and "score_net.".

    hyper: the options of training, {} of a file without. average: the moving average in the order
    of the parameters, None of a file without. about: facts such as the epoch.
    """

    path: Path
    state: dict[str, Tensor]
    hyper: dict[str, object] = field(default_factory=dict)
    average: list[Tensor] | None = None
    about: dict[str, object] = field(default_factory=dict)

    @property
    def storm(self) -> bool:
        """Whether there are two networks."""
        return any(key.startswith("denoiser_net.") for key in self.state)

    def shapes(self, stage: str) -> dict[str, tuple[int, ...]]:
        """Of the tensors of one network, without its prefix; stage: one of `STAGES`."""
        return {
            key.removeprefix(stage): tuple(value.shape)
            for key, value in self.state.items()
            if key.startswith(stage)
        }


def looks_published(path: Path) -> bool:
    """Whether a file can be read here and holds NCSN++; never raises."""
    try:
        read_checkpoint(path)
    except InputError:
        return False
    return True


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a .ckpt of Lightning, or bare tensors (.pt, .pth, .safetensors).

    Raises InputError for other files, and for such that name anything but data.
    """
    loaded = _load(path)
    if not isinstance(loaded, Mapping):
        raise InputError(f"{path} holds a {type(loaded).__name__}; expected named tensors")
    state = _tensors(path, loaded)
    hyper = loaded.get("hyper_parameters", {})
    ema = loaded.get("ema")
    average = ema.get("shadow_params") if isinstance(ema, Mapping) else None
    if average is not None and not all(isinstance(value, Tensor) for value in average):
        raise InputError(f"{path}: its moving average holds something else than tensors")
    about = {key: loaded[key] for key in ("epoch", "global_step") if key in loaded}
    if isinstance(ema, Mapping) and average is not None:
        about |= {f"ema_{key}": ema[key] for key in ("decay", "num_updates") if key in ema}
    options = {str(k): v for k, v in hyper.items()} if isinstance(hyper, Mapping) else {}
    return Checkpoint(path, state, options, None if average is None else list(average), about)


def _tensors(path: Path, loaded: Mapping) -> dict[str, Tensor]:
    found: object = loaded
    for key in _INSIDE:
        inner = loaded.get(key)
        if isinstance(inner, Mapping) and any(isinstance(v, Tensor) for v in inner.values()):
            found = inner
            break
    if not isinstance(found, Mapping):
        raise InputError(f"{path} holds no named tensors")
    named = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    plain = {key.removeprefix("module."): value for key, value in named.items()}
    if "output_layer.weight" in plain:
        plain = {f"dnn.{key}": value for key, value in plain.items()}
    kept = {key: value for key, value in plain.items() if not key.startswith(_LOSS)}
    strange = sorted(key for key in kept if not key.startswith(STAGES))
    if strange or not any(key.endswith("all_modules.0.W") for key in kept):
        raise InputError(
            f"{path} holds no NCSN++ of SGMSE or StoRM: "
            + (f"it has {', '.join(strange[:3])}" if strange else "it lacks all_modules.0.W")
        )
    return kept


def _load(path: Path) -> object:
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise InputError(f"{path}: not a safetensors file ({error})") from error
    with torch.serialization.safe_globals([(SpecsDataModule, NAMED)]):
        try:
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
            raise InputError(f"{path} {_why(path, error)}") from error


def _why(path: Path, error: Exception) -> str:
    """Why a file was not read; names what it would have run."""
    try:
        named = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # no archive of torch: the first error says what there is to say
        named = []
    if not named:
        return f"is no checkpoint of tensors and numbers ({type(error).__name__})"
    return (
        f"names {', '.join(named)}, which would be run to read it; nothing was run. Expected "
        f"tensors, numbers and {NAMED}. Where you trust the file, save its state_dict alone and "
        "tell the options by --set"
    )

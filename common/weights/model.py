"""Models by name or path: a filled denoiser with its settings, loaded once a process.

A name is looked up among the model cards that ship with the package; anything with a path
separator or the suffix .safetensors is a file.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, MissingExtraError
from undrift.common.files import sha256_of
from undrift.common.weights.files import load_denoiser, read_settings
from undrift.common.weights.settings import Settings


@dataclass(frozen=True)
class Model:
    """A denoiser ready to use; sha256 is "sha256:" and 64 hex digits of the file."""

    denoiser: Denoiser
    settings: Settings
    path: Path
    sha256: str

    @property
    def id(self) -> str:
        """The model's name."""
        return self.settings.id


def find_weights(name: str | Path) -> Path:
    """The weight file of a model id or path.

    Raises InputError for an unknown id or a missing file, with the nearest id.
    """
    text = str(name)
    if text.endswith(".safetensors") or "/" in text or "\\" in text:
        path = Path(text)
        if not path.is_file():
            raise InputError(f"{path}: no such weight file")
        return path
    from undrift.common.model_cards import find_model_card

    path = find_model_card(text).weights
    if not path.is_file():
        raise MissingExtraError(f"{text} has a card but its weights {path} are missing; reinstall")
    return path


def load_model(name: str | Path, device: str = "cpu", task: str | None = None) -> Model:
    """Loads a model by id, weight file or pipeline folder of diffusers onto a device.

    Raises InputError for an unknown id, a broken file, or a model made for another task.
    """
    if Path(name).is_dir():
        return _of_folder(Path(name), device, task)
    path = find_weights(name)
    settings = read_settings(path)
    if task is not None and settings.task != task:
        raise InputError(f"{settings.id} is a model for {settings.task}, not for {task}")
    return _load(path.resolve(), path.stat().st_mtime_ns, device)


def _of_folder(path: Path, device: str, task: str | None) -> Model:
    from undrift.common.weights.folder import read_folder

    if task not in (None, "denoise"):
        raise InputError(f"{path} is a pipeline folder, a model for denoise, not for {task}")
    denoiser, settings, sha256 = read_folder(path.resolve(), device)
    return Model(denoiser, settings, path, sha256)


@lru_cache(maxsize=8)
def _load(path: Path, changed: int, device: str) -> Model:
    denoiser, settings = load_denoiser(path, device)
    return Model(denoiser, settings, path, sha256_of(path))

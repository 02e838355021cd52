"""A blind-spot denoiser for the user's own pictures: fit it, keep it, apply it.

    denoiser = BlindSpotDenoiser.fit("scans", iterations=400)
    clean = denoiser(pixels)                      # (b, c, h, w), in the unit of the pixels
    denoiser.save("scans.safetensors")

Any number of channels; nothing clean is needed, and the noise is not told. It has to be of mean
zero and independent between pixels `stride` apart. The training is that of
`undrift train own-noisy-folder`, in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.tiling import Tiled, automatic_tile
from undrift.common.weights.files import save_weights
from undrift.common.weights.model import load_model
from undrift.common.weights.settings import Settings
from undrift.restoration.self_supervised.data import MEAN, STD, NoisyCrops, NoisySettings
from undrift.restoration.self_supervised.objective import SELF_SUPERVISED, blind_spot_objective
from undrift.restoration.sources import picture_files

RECIPE = "own-noisy-folder"
METHODS = ("c-bsn", "sdap")
ITERATIONS, STRIDE = 400, 5
RAMP = 5  # the open terms of C-BSN would be whole after so many times the iterations
_MEMORY = 2**30  # bytes of activations, above which pictures are taken in tiles
_CROP = 60  # of the training items, where the pictures are that large


@dataclass(frozen=True)
class BlindSpotDenoiser:
    """A trained network with its settings. losses: of the training, () where it was read."""

    denoiser: Denoiser
    settings: Settings
    losses: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        pictures: str | Path | Sequence[Any],
        *,
        method: str = "c-bsn",
        stride: int = STRIDE,
        iterations: int = ITERATIONS,
        width: int = 32,
        depth: int = 5,
        again: bool = False,
        ramp: int | None = None,
        crop: int | None = None,
        seed: int = 0,
        device: str = "auto",
        tell: Callable[[int, float], None] | None = None,
    ) -> "BlindSpotDenoiser":
        """Trains on noisy pictures.

        pictures: a folder, or files, or float arrays or tensors (c, h, w), of one number of
        channels. method: "c-bsn" (open network, one pass) or "sdap" (stays blind; `again`: its
        second pass). stride: of the sub-pictures in training, 1 where noise is independent from
        pixel to pixel. crop: of the training items, 60 or what the smallest picture allows.
        ramp: iterations until C-BSN's open terms are whole, by default five times those there are:
        a short training is spent on the blind ones. tell: called with the number of the iteration
        and its loss.
        Raises InputError for pictures that cannot serve, UsageError for an unknown method or
        numbers that cannot be.
        """
        if method not in METHODS:
            hint = nearest(method, METHODS)
            raise UsageError(f"training {method!r}{hint} (there are: {', '.join(METHODS)})")
        if min(iterations, width, depth, stride) < 1 or stride > 16:
            raise UsageError(
                f"iterations {iterations}, width {width}, depth {depth}, stride {stride}: "
                "expected 1 or more, and a stride of 16 at most"
            )
        given = _listed(pictures)
        crop = _fitting(given, stride) if crop is None else crop
        ramp = RAMP * iterations if ramp is None else ramp
        data = NoisyCrops(given, _settings(method, stride, crop, ramp), seed)
        network = {
            "inputs": data.channels, "outputs": data.channels, "width": width, "depth": depth,
            "blind": method == "sdap", "again": again,
            "stride": 2 if method == "sdap" and stride > 2 else 1,
        }  # fmt: skip
        return _fitted(cls, data, network, iterations, seed, device, tell)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> "BlindSpotDenoiser":
        """From a weight file. Raises InputError for one of another task, or none."""
        from undrift.common.devices import resolve_device

        model = load_model(path, resolve_device(device), SELF_SUPERVISED)
        return cls(model.denoiser, model.settings)

    def save(self, path: str | Path) -> None:
        """Writes the weights (.safetensors) with all that is needed to use them."""
        if Path(path).suffix != ".safetensors":
            raise UsageError(f"{path}: weights are kept in a file ending in .safetensors")
        save_weights(Path(path), self.denoiser.network.state_dict(), self.settings)

    @property
    def channels(self) -> int:
        """Of the pictures it takes."""
        return int(str(self.settings.network.params["inputs"]))

    @torch.no_grad()
    def __call__(self, pixels: Tensor, tile: int | None = None) -> Tensor:
        """Denoises pictures (b, c, h, w) float32 in any unit; the result is on the processor.

        tile: pixels a side of what is worked on at once; the result does not depend on it.
        Raises InputError for another number of channels.
        """
        if pixels.ndim != 4 or pixels.shape[1] != self.channels:
            raise InputError(
                f"{self.settings.id} was trained for {self.channels} channels, got pictures of "
                f"shape {tuple(pixels.shape)} (b, c, h, w); train on pictures of this kind"
            )
        device = next(self.denoiser.parameters()).device
        x = pixels.to(device, torch.float32)
        mean = x.double().mean((2, 3), keepdim=True).float()
        std = x.double().std((2, 3), keepdim=True, correction=0).float().clamp(min=1e-6)
        side = tile or automatic_tile(self.denoiser.network, x.shape[2:], _MEMORY)
        found = Tiled(self.denoiser, side)((x - mean) / std * STD + MEAN, 0.0).x0
        return ((found - MEAN) / STD * std + mean).cpu()


def _listed(pictures: str | Path | Sequence[Any]) -> list[Path | np.ndarray]:
    if isinstance(pictures, str | Path):
        path = Path(pictures)
        return list(picture_files(path)) if path.is_dir() else [path]
    return [
        Path(p) if isinstance(p, str | Path) else np.asarray(p, dtype=np.float32) for p in pictures
    ]


def _settings(method: str, stride: int, crop: int, ramp: int) -> NoisySettings:
    given = {
        "source": {"path": "."}, "method": method, "crop": crop, "stride": stride,
        "ramp": ramp,
    }  # fmt: skip
    return NoisySettings.model_validate(given)


def _fitting(pictures: list[Path | np.ndarray], stride: int) -> int:
    """The largest crop, to 60, that the smallest picture holds, divisible by 2 and by stride."""
    sides = [side for picture in pictures if (side := _side(picture))]
    step = stride if stride % 2 == 0 else 2 * stride
    room = min([*sides, _CROP])
    return max(room // step, 1) * step


def _side(picture: Path | np.ndarray) -> int | None:
    """The smaller side, None where it is not told quickly."""
    if isinstance(picture, np.ndarray):
        return min(picture.shape[1:]) if picture.ndim == 3 else None
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            return min(opened.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # it is told when it is read


def _fitted(
    cls: type[BlindSpotDenoiser],
    data: NoisyCrops,
    network: dict[str, Any],
    iterations: int,
    seed: int,
    device: str,
    tell: Callable[[int, float], None] | None,
) -> BlindSpotDenoiser:
    """The general training loop on the data, without checkpoints."""
    from undrift.common.devices import resolve_device
    from undrift.common.training.optimise import optimise
    from undrift.common.training.recipes import read_recipe
    from undrift.common.training.run import averaged, prepare

    recipe = read_recipe(RECIPE)
    schedule = {"iterations": iterations, "decay": iterations // 2, "seed": seed}
    recipe = recipe.model_copy(
        update={
            "network": recipe.network.model_copy(update={"params": network}),
            "schedule": recipe.schedule.model_copy(update=schedule),
            "data": data.settings.model_dump(exclude={"source"}) | {"source": {"path": "."}},
        }
    )
    losses = []
    with torch.random.fork_rng(), TemporaryDirectory(prefix="undrift-") as folder:
        cpu = resolve_device(device) == "cpu"
        run = prepare(recipe, Path(folder), resume=False, cpu=cpu)
        run.objective = blind_spot_objective(recipe)
        for loss in optimise(run, data, iterations):
            losses.append(loss)
            if tell is not None:
                tell(run.iteration, loss)
        record: dict[str, object] = {"iterations": iterations, "recipe": recipe.model_dump()}
        return cls(averaged(run), recipe.settings(record), tuple(losses))

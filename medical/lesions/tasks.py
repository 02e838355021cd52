"""The task call `lesion`: lesions of a wanted texture in a mask, the rest untouched bit for bit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.devices import resolve_device
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.noise import Noise
from undrift.common.results import Restored
from undrift.common.weights.model import Model, load_model
from undrift.medical.given import Given, given
from undrift.medical.honesty.guards import guard
from undrift.medical.keywords import keywords
from undrift.medical.lesions.asked import Asked
from undrift.medical.lesions.histogram import moments
from undrift.medical.lesions.inpaint import planned_calls
from undrift.medical.lesions.painter import Painter, draw_lesions
from undrift.medical.lesions.places import draw_mask
from undrift.medical.lesions.textures import shares_of
from undrift.medical.made import write_made
from undrift.medical.notice import NOTICE
from undrift.medical.shipped import shipped
from undrift.medical.signal import Signal, read_signal
from undrift.medical.volumes.checks import Needs, check_pair, check_volume
from undrift.medical.volumes.volume import Volume
from undrift.medical.weights_facts import weights_facts

DEFAULT = "ct-lesion"


def lesion(
    volume: Any,
    mask: Any,
    *,
    units: str = "unknown",
    spacing: Sequence[float] | None = None,
    **settings: Any,
) -> Restored:
    """Makes a lesion in every part of a mask; outside it the volume is the input's, bit for bit.

    volume: a path, a `Volume`, an image of nibabel, or an array (x, y, z) with its `spacing`, mm.
    mask: of the same kind and on the same grid, above 0 where a lesion is to be, the number of its
    class for models of several; or {"centre": (x, y, z) mm RAS, "radius": mm} for a rough ball.

    histogram: the texture: "solid", "part-solid", "ground-glass", {"mean": HU, "deviation": HU}, or
    16 shares of the window of the model; or texture_of: (values, mask) of a lesion to copy. vary:
    by how much of itself each share may change, from sample to sample. edge: mm inside the border
    over which new values take over. context: voxels around a part that the network sees. model,
    preset, steps, samples, seed, item, device: as everywhere; jump, times: of RePaint's walk.

    The default model knows nodules of simulated chests in CT, nothing else.
    value is the first sample, samples all of them, std their deviation; info tells each lesion's
    volume, place, mean and deviation, and how far its histogram is from what was asked.
    Raises InputError for bad volumes, masks and models, UsageError for unknown names and numbers,
    MissingExtraError where the weights are not here.
    """
    asked = keywords(Asked, settings)
    name = asked.model or shipped(DEFAULT)
    model = load_model(name, resolve_device(asked.device), "lesion")
    signal = read_signal(model.settings.signal)
    units = "HU" if units == "unknown" and signal.modality == "ct" else units
    got = given(volume, units, spacing)
    check_volume(got.volume, got.name, Needs(units="HU" if signal.modality == "ct" else ""))
    marks = _marks(mask, got, spacing, asked)
    painter = _painter(model, signal, got, asked)
    made = [
        draw_lesions(painter, got.volume, marks, _item(asked, got), number)
        for number in range(asked.samples)
    ]
    results = [got.volume.with_array(values) for values, _ in made]
    kept = tuple(got.back(result) for result in results)
    return Restored(
        value=kept[0],
        std=None if len(made) == 1 else np.std([v for v, _ in made], axis=0).astype(np.float32),
        samples=kept if asked.samples > 1 else (),
        info=_info(painter, got, [told for _, told in made]),
        writer=_writer(got, results[0]),
    )


def _marks(mask: Any, got: Given, spacing: Sequence[float] | None, asked: Asked) -> np.ndarray:
    """Whole numbers (x, y, z), 0 outside."""
    volume = got.volume
    if isinstance(mask, Mapping):
        if set(mask) != {"centre", "radius"}:
            raise UsageError(f"mask with {', '.join(map(str, mask))}; expected centre and radius")
        centre = np.linalg.solve(volume.affine, [*map(float, mask["centre"]), 1.0])[:3]
        noise = Noise(asked.seed, f"{_item(asked, got)} mask")
        return draw_mask(volume.grid, volume.spacing, centre, float(mask["radius"]), noise).astype(
            int
        )
    marks = given(mask, "label", spacing)
    check_pair(volume, marks.volume, (got.name, "mask"))
    array = marks.volume.array
    if array.ndim != 3 or not np.array_equal(array, np.rint(array)) or array.min() < 0:
        raise InputError("mask: expected whole numbers (x, y, z) from 0")
    if not array.any():
        raise InputError("the mask is empty: there is nowhere to put a lesion")
    return array.astype(int)


def _painter(model: Model, signal: Signal, got: Given, asked: Asked) -> Painter:
    presets = {str(name): preset for name, preset in model.settings.presets.items()}
    if asked.preset not in presets:
        raise UsageError(
            f"preset {asked.preset!r} is not one of {', '.join(presets)}"
            f"{nearest(asked.preset, presets)}"
        )
    window = signal.intensity_map(got.volume.array)
    shares = shares_of(asked.histogram, window, asked.texture_of)
    steps = asked.steps or presets[asked.preset].steps
    return Painter(model, signal, window, shares, asked, steps, resolve_device(asked.device))


def _item(asked: Asked, got: Given) -> str:
    return asked.item or (got.source.name if got.source is not None else "")


def _info(painter: Painter, got: Given, told: list[list[dict[str, Any]]]) -> dict[str, Any]:
    import undrift

    asked = painter.asked
    low, high = (float(painter.window.record()[end]) for end in ("low", "high"))
    mean, deviation = moments(painter.shares)
    wanted = ((mean + 1) / 2 * (high - low) + low, deviation / 2 * (high - low))
    calls = planned_calls(painter.steps, asked.jump, asked.times)
    return {
        "undrift": undrift.__version__, "task": "lesion", "model": painter.model.id,
        "weights": painter.model.sha256, **weights_facts(painter.model),
        "steps": painter.steps, "jump": asked.jump, "times": asked.times,
        "nfe": calls * sum(map(len, told)), "seed": asked.seed, "item": _item(asked, got),
        "samples": asked.samples, "histogram": [round(float(s), 6) for s in painter.shares],
        "asked_mean": round(wanted[0], 3), "asked_deviation": round(wanted[1], 3),
        "intensity_map": painter.window.record(), "edge_mm": asked.edge, "lesions": told,
        "background": "equal to the input", "synthetic": True, "notice": NOTICE,
        "warnings": list(guard(got.volume, painter.signal)),
    }  # fmt: skip


def _writer(got: Given, result: Volume) -> Any:
    def write(path: Path, _: Any, info: Mapping[str, Any]) -> None:
        write_made(path, result, info, like=got.volume, source=got.source)

    return write

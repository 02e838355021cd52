"""Lesions drawn part by part: crop, sample, paste, and what to tell of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.weights.model import Model
from undrift.medical.intensity import IntensityMap
from undrift.medical.lesions.asked import Asked
from undrift.medical.lesions.histogram import Shares, distance, measure, perturbed
from undrift.medical.lesions.inpaint import inpaint, paste, soft_edge
from undrift.medical.lesions.places import Part, parts
from undrift.medical.signal import Signal
from undrift.medical.volumes.geometry import turned
from undrift.medical.volumes.volume import Values, Volume


@dataclass(frozen=True, eq=False)
class Painter:
    """What is needed to make a lesion: a model, what it is told, how it is sampled."""

    model: Model
    signal: Signal
    window: IntensityMap
    shares: Shares
    asked: Asked
    steps: int
    device: str

    def numbers(self, known: Values, masks: np.ndarray, origin: tuple[int, ...], noise: Noise,
                texture: Shares) -> Values:  # fmt: skip
        """known (x, y, z) in HU or what the model knows; masks (classes, x, y, z); values again."""
        image = torch.from_numpy(np.ascontiguousarray(self.window.forward(known)))
        places = torch.from_numpy(np.ascontiguousarray(masks, np.float32))[None].to(self.device)
        shape = (1, len(masks), *known.shape)
        made = inpaint(
            self.model.denoiser, self.model.denoiser.process, image[None, None].to(self.device),
            places, torch.from_numpy(texture)[None].float().to(self.device),
            lambda k: noise(shape, k, origin, device=self.device),
            steps=self.steps, jump=self.asked.jump, times=self.asked.times,
        )  # fmt: skip
        inside = np.zeros(known.shape, np.float32)  # within the window, so that nothing passes
        inside += self.window.inverse(np.zeros((1,), np.float32), np.zeros((1,), np.float32))
        return self.window.inverse(made[0].clamp(-1, 1).cpu().numpy(), inside)


def draw_lesions(
    painter: Painter, volume: Volume, marks: np.ndarray, item: str, number: int
) -> tuple[Values, list[dict[str, Any]]]:
    """One sample of all parts, in turn: each sees those before it. Values and what to tell."""
    canonical, turn = turned(volume)
    labels = np.ascontiguousarray(turn.apply(marks))
    values, told = np.array(canonical.array), []
    asked = painter.asked
    for index, part in enumerate(parts(labels > 0, asked.context)):
        noise = Noise(asked.seed, f"{item} lesion {index}", number)
        texture = painter.shares
        if asked.vary:
            normals = noise((1, 1, len(texture)), draw=-1 % 2**32)[0, 0].numpy()
            texture = perturbed(texture, normals, asked.vary)
        inside = part.inside
        classes = _classes(np.where(inside, labels[part.cut], 0), painter)
        origin = tuple(side.start for side in part.cut)
        known = values[part.cut]
        made = painter.numbers(known, classes, origin, noise, texture)
        ramp = soft_edge(inside, canonical.spacing, asked.edge)
        values[part.cut] = paste(known, made, inside, ramp)
        told.append(_told(values[part.cut][inside], part, canonical, painter, texture))
    return np.ascontiguousarray(turn.undo(values)), told


def _classes(labels: np.ndarray, painter: Painter) -> np.ndarray:
    """(classes, x, y, z) of ones and zeros; one class takes every label."""
    count = int(str(painter.model.settings.network.params.get("outputs", 1)))
    if count == 1:
        return (labels > 0)[None]
    if labels.max() > count:
        raise InputError(
            f"the mask has label {labels.max()}; {painter.model.id} knows 1 to {count}"
        )
    return np.stack([labels == k + 1 for k in range(count)])


def _told(
    inside: np.ndarray, part: Part, volume: Volume, painter: Painter, texture: Shares
) -> dict[str, Any]:
    place = (volume.affine @ [*part.centroid, 1.0])[:3]
    found = measure(painter.window.forward(inside.astype(np.float32)), np.ones(inside.shape))
    return {
        "voxels": part.voxels,
        "volume_mm3": round(part.voxels * float(np.prod(volume.spacing)), 3),
        "centroid_mm": [round(float(c), 3) for c in place],
        "mean": round(float(inside.mean()), 3),
        "deviation": round(float(inside.std()), 3),
        "histogram_distance": round(distance(found, texture / texture.sum()), 4),
    }

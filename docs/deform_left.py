"""How much of random deformations the model of shapes undoes, on simulated bodies it never saw.

    python docs/deform_left.py [--model drdm]             # about a minute of one core

Steps: the share of the square of what is to be undone that the network leaves, in bodies and a
voxel around them (`pooled_loss`, as in training), of 32 samples of seeds from 5000 on, by times and
by axes. Shapes: four bodies deformed at random and by recovery from starts of the same size: root
mean square of the displacement in the body, and of the logarithm (base 2) of how bone and other
tissue grow. Nothing holds bones but the model.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.common.config import load  # noqa: E402
from undrift.medical import Volume, deform  # noqa: E402
from undrift.medical.deformation.drdm import STEPS  # noqa: E402
from undrift.medical.deformation.fields import pull, volume_change  # noqa: E402
from undrift.medical.deformation.learned import Learned, displaced  # noqa: E402
from undrift.medical.deformation.training import (  # noqa: E402
    BODY,
    DeformData,
    Warped,
    flows,
    near_body,
)
from undrift.medical.simulate.ct import ct_phantom  # noqa: E402

FIRST, COUNT, BATCH = 5000, 32, 8
BANDS = ((1, 27), (27, 54), (54, 80))  # of times
BONE = 250.0  # HU
STARTS = (6.0, 12.0)  # mm


def steps(model: Learned) -> None:
    """Prints the share that is left of single steps."""
    recipe: Any = model.model.settings.record["recipe"]
    changes = {"first": FIRST, "subjects": COUNT, "late": 1.0}
    samples = Warped(load(DeformData, {**recipe["data"], **changes}, "data"), model.signal, 1)
    number = float(model.signal.intensity_map(np.zeros((1, 1, 1), np.float32)).forward(
        np.full((1, 1, 1), BODY, np.float32))[0, 0, 0])  # fmt: skip
    rows = []
    for first in range(0, COUNT, BATCH):
        batch = [samples[n] for n in range(first, first + BATCH)]
        image, v, u = (torch.stack([b[k] for b in batch]).float() for k in
                       ("image", "velocity", "u"))  # fmt: skip
        times = (u * STEPS).long().clamp(1, STEPS - 1)
        far, near = flows(v, times)
        warped = pull(image, far)
        with torch.inference_mode():
            unit = model.model.denoiser.scaling.std
            p = displaced(model.model.denoiser.network, warped, times / STEPS, unit)
        weight = near_body(warped, number)
        left, whole = (
            (d.square() * weight).flatten(2).sum(2) for d in (pull(p, near) + near, near)
        )
        rows += [(int(t), *e.tolist(), *w.tolist()) for t, e, w in
                 zip(times, left, whole, strict=True)]  # fmt: skip
    table = np.array(rows)
    print("times, samples, share left, right to left, back to front, feet to head")
    for low, high in BANDS:
        own = table[(table[:, 0] >= low) & (table[:, 0] < high)]
        whole = (own[:, 1:4].sum(1) / own[:, 4:7].sum(1)).mean()
        axes = own[:, 1:4].sum(0) / own[:, 4:7].sum(0)
        print(
            f"{low} to {high - 1}, {len(own)}, {whole:.3f}, " + ", ".join(f"{a:.3f}" for a in axes)
        )


def shapes(name: str) -> None:
    """Prints how whole deformations treat bodies; random ones also as far as recovered ones."""
    bodies = [
        ct_phantom(FIRST + k, (64, 64, 64), (6.0, 6.0, 6.0), region).hu
        for k, region in enumerate(("chest", "abdomen") * 2)
    ]
    print("way, start mm, rms mm in the body, log2 growth of bone, of other tissue, least det")
    for start in STARTS:
        random, made = (treated(bodies, start, model) for model in (None, name))
        far = start * made[0] / random[0]
        for way, begin, row in (
            ("random", start, random),
            ("recovered", start, made),
            ("random, as far", far, treated(bodies, far, None)),
        ):
            print(f"{way}, {begin:.2f}, " + ", ".join(f"{v:.3f}" for v in row))


def treated(bodies: list[np.ndarray], start: float, model: str | None) -> tuple[float, ...]:
    """rms mm in the body, log2 growth of bone and of other tissue: means; the least det of all."""
    found = []
    for k, hu in enumerate(bodies):
        volume = Volume(hu, np.diag([6.0, 6.0, 6.0, 1.0]), "HU")
        made = deform(volume, strength=start, scales=(24.0, 48.0), seed=k, item="left", model=model)
        u = torch.from_numpy(np.moveaxis(made.fields[0], -1, 0) / np.float32(6))[None]
        growth = np.log2(volume_change(u)[0].numpy().clip(1e-3))
        bone, body = made.value.array > BONE, made.value.array > BODY
        moved = 36 * u[0].square().sum(0).numpy()
        least = made.info["deformations"][0]["least_determinant"]
        grown = (rms(growth[bone]), rms(growth[body & ~bone]))
        found.append((moved[body].mean() ** 0.5, *grown, least))
    return (*np.mean(found, 0)[:3], min(f[3] for f in found))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="drdm", help="Id or weight file.")
    asked = parser.parse_args()
    steps(Learned.of(asked.model, "cpu"))
    shapes(asked.model)


if __name__ == "__main__":
    main()

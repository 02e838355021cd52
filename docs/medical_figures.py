"""Draws docs/images/medical_lesion.png, medical_deform.png and medical_recon_mri.png.

    python docs/medical_figures.py [lesion] [deform] [recon_mri]      # a minute of one core each

All come from the shipped models. `recon_mri` takes three slices of a validation head (100005), four
coils, a quarter of the lines. The others begin with a simulated chest whose seed no training has
(200003). `lesion` puts the same ball into a lung with three textures: before, mask, after,
difference. `deform` shows one random shape and what recovery makes of such a start: volume, grid of
what was straight, and growth of tissue, which is minus the logarithm of the determinant of the map
by which voxels are pulled. Seeds were chosen before the pictures were seen.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.medical import Volume, deform, lesion, reconstruct_mri  # noqa: E402
from undrift.medical.deformation.fields import volume_change  # noqa: E402
from undrift.medical.honesty import examine  # noqa: E402
from undrift.medical.mri.masks import line_mask  # noqa: E402
from undrift.medical.simulate.anatomy import brain  # noqa: E402
from undrift.medical.simulate.coils import ring_coils  # noqa: E402
from undrift.medical.simulate.ct import ct_phantom  # noqa: E402
from undrift.medical.simulate.mr_acquisition import kspace  # noqa: E402
from undrift.medical.simulate.mr_signal import signal  # noqa: E402
from undrift.medical.triplanar import LUNG, Map, View, blue_red, columns, grey, sheet  # noqa: E402

SEED, HEAD = 200003, 100005
STRENGTH = 25.0  # mm
LINES = 24.0  # mm between lines of the grid
HISTOGRAMS = ("solid", "part-solid", "ground-glass")


@dataclass(frozen=True, eq=False)
class Grid(Map):
    """Lines of the original's planes at multiples of LINES mm, as the deformed volume has them.

    array: (3, x, y, z), mm from the middle of the original that a voxel shows.
    """

    def cut(self, axis: int, index: int) -> np.ndarray:
        places = [np.take(self.array[k], index, axis=axis) for k in range(3) if k != axis]
        far = [np.abs(p - LINES * np.rint(p / LINES)) for p in places]
        return np.clip(np.minimum(*far) / 3.0, 0, 1)


def chest(side: int, step: float) -> Volume:
    """A cube of a simulated chest around the middle of its box, HU."""
    phantom = ct_phantom(SEED, (side, side, side), (step, step, step), "chest")
    return Volume(phantom.hu, np.diag([step, step, step, 1.0]), "HU")


def hu(title: str, volume: Volume) -> Map:
    return Map(title, volume.array, LUNG, " HU", grey)


def draw_lesion() -> np.ndarray:
    """A ball of 10 mm in a lung, in three textures, side by side."""
    whole = chest(128, 1.8)
    centre = in_lung(whole)
    place = {"centre": tuple(float(1.8 * c) for c in centre), "radius": 10.0}
    near = tuple(slice(int(c) - 22, int(c) + 22) for c in centre)

    def cut(array: np.ndarray) -> Volume:
        return Volume(np.ascontiguousarray(array[near]), whole.affine, "HU")

    maps = [hu("before", cut(whole.array))]
    for texture in HISTOGRAMS:
        made = lesion(whole, place, histogram=texture, seed=1, item="figure")
        change = made.value.array - whole.array
        if len(maps) == 1:
            mask = cut((change != 0).astype(np.float32)).array
            maps.append(Map("mask", mask, (0.0, 1.0), "", grey))
        print(texture, made.info["lesions"], made.info["warnings"])
        maps.append(hu(texture, cut(made.value.array)))
        maps.append(Map("after - before", cut(change).array, (-900.0, 900.0), " HU", blue_red))
    return columns(View.through(cut(whole.array), np.full(3, 22.0), 160), maps)


def in_lung(volume: Volume) -> np.ndarray:
    """The voxel of lung that is farthest from anything else and from the faces of the box."""
    from scipy.ndimage import distance_transform_edt

    lung = np.zeros(volume.grid, bool)
    inner = (slice(23, -23),) * 3
    lung[inner] = ((volume.array > -950) & (volume.array < -650))[inner]
    far: Any = distance_transform_edt(lung)
    return np.array(np.unravel_index(int(far.argmax()), far.shape))


def draw_deform() -> np.ndarray:
    """Before, then a random shape, then one that recovery made, each with grid and growth."""
    whole = chest(96, 4.0)
    maps = [hu("before", whole)]
    for name, model in (("random", None), ("DRDM", "drdm")):
        made = deform(whole, strength=STRENGTH, scales=(24.0, 48.0), seed=1, item="figure",
                      model=model)  # fmt: skip
        u = np.moveaxis(made.fields[0], -1, 0)
        half = (np.reshape(whole.grid, (3, 1, 1, 1)) - 1) / 2
        shown = (4 * (np.indices(whole.grid) - half) + u).astype(np.float32)
        change = volume_change(torch.from_numpy(u / 4.0)[None])[0].numpy()
        growth = -np.log2(np.clip(change, 1 / 16, 16)).astype(np.float32)
        print(name, made.info["deformations"], made.info["warnings"])
        moved = made.info["deformations"][0]["rms_mm"]
        maps += [
            hu(f"{name}: {moved:.0f} mm rms", made.value),
            Grid(f"planes {LINES:g} mm apart", shown, (0.0, 1.0), "", grey),
            Map("growth of tissue, log2", growth, (-1.5, 1.5), "", blue_red),
        ]
    return columns(View.through(whole, np.array(whole.grid) / 2), maps)


def draw_recon_mri() -> np.ndarray:
    """Zero-filled, reconstructed, deviation of two samples, change, what the prior filled in."""
    head = signal(brain(HEAD, (96, 112, 3), 2.0), "mprage")
    picture = np.moveaxis(head.array / np.percentile(head.array, 99), -1, 0)  # (slices, x, y)
    maps = np.stack([ring_coils(picture.shape[1:], 4)] * 3)
    rng = np.random.default_rng(HEAD)
    noise = 0.01 * (rng.standard_normal(maps.shape) + 1j * rng.standard_normal(maps.shape))
    mask = line_mask("random", picture.shape[2], 4, seed=HEAD, centre=12 / 112)
    given = (kspace(maps * picture[:, None], (-2, -1)) + noise) * mask
    shared: dict[str, Any] = {"kspace": given.astype(np.complex64), "mask": mask, "maps": maps}
    before = reconstruct_mri(**shared, noise=0.01, method="zero-filled")
    after = reconstruct_mri(**shared, noise=0.01, samples=2, item="figure")
    print(after.info["chi"], after.info["warnings"])
    volumes = [
        head.with_array(np.ascontiguousarray(np.moveaxis(np.abs(one), 0, -1), np.float32))
        for one in (before.value, after.value, after.std, after.invented)
    ]
    found = examine(volumes[0], volumes[1], std=volumes[2], invented=volumes[3].array)
    return sheet(found)


DRAWN = {"lesion": draw_lesion, "deform": draw_deform, "recon_mri": draw_recon_mri}


def main() -> None:
    """Draws what was asked for, or all."""
    for name in sys.argv[1:] or tuple(DRAWN):
        made = DRAWN[name]()
        path = ROOT / "docs" / "images" / f"medical_{name}.png"
        Image.fromarray(made).save(path, optimize=True)
        print(path.relative_to(ROOT), made.shape)


if __name__ == "__main__":
    main()

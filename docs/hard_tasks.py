"""Non-linear and blind tasks on photographs that no setting was chosen on.

    python docs/hard_tasks.py                    run what is missing, write the page and the picture
    python docs/hard_tasks.py --only blind       run what is missing of tasks that begin like this
    python docs/hard_tasks.py --page             write the page from what was measured
    python docs/hard_tasks.py --picture PHOTO    draw one photograph's strip into the current folder

Every run is a line of docs/results/hard-tasks.jsonl, appended when it is done, so that a killed
run goes on. What is measured is settled below; tables and strip are made by `hard_tasks_page`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from hard_tasks_page import PICTURE, RESULTS, draw, read, write_page  # noqa: E402
from torch import Tensor  # noqa: E402

import undrift  # noqa: E402
from undrift.common.errors import InputError  # noqa: E402
from undrift.common.files import sha256_of  # noqa: E402
from undrift.common.noise import Noise  # noqa: E402
from undrift.common.operators.jpeg import JPEG  # noqa: E402
from undrift.common.operators.operator import Operator  # noqa: E402
from undrift.common.operators.phase import phase_retrieval  # noqa: E402
from undrift.common.operators.tone import Clip, Gamma  # noqa: E402
from undrift.common.weights.model import find_weights  # noqa: E402
from undrift.restoration.degrade_operators import Blurred, Darkened, Diffracted  # noqa: E402
from undrift.restoration.metrics import score  # noqa: E402
from undrift.restoration.phase import Moduli, aligned, best_start  # noqa: E402
from undrift.restoration.photos import centre_crop, load_photos  # noqa: E402
from undrift.restoration.psf import read_psf  # noqa: E402

MODEL, CARD = "leaves-prior", "skimage-photos"
SIDE, PHASE_SIDE = 128, 96
STARTS, ROUNDS, FOUND = 16, 600, 0.95  # of phase retrieval; the correlation of a found picture
GAIN, TONE, LOW_NOISE = 0.25, 2.0, 0.01
CLIP_SCALE, CLIP_NOISE = 1.5, 0.01
QUALITY, JPEG_NOISE = 10, 0.08
GAMMA, GAMMA_NOISE = 2.2, 0.02
BLUR_NOISE, REACH = 1.0, 4  # on the 0..255 scale; pixels that a deblurred picture may be moved by
SHOWN = "chelsea"  # the photograph of the strip

Array = np.ndarray


@dataclass
class Made:
    """clean, seen, plain, result: (c, h, w). seen is what is shown of the measurement."""

    clean: Array
    seen: Array
    plain: Array
    result: Array
    extra: dict[str, Any] = field(default_factory=dict)

    def scores(self) -> dict[str, Any]:
        """PSNR and SSIM of the clipped result and of the simple alternative."""
        return {**scored(self.result, self.clean), **scored(self.plain, self.clean, "plain_"),
                **self.extra}  # fmt: skip


def scored(x: Array, clean: Array, before: str = "") -> dict[str, float]:
    """psnr and ssim by name."""
    x, clean = (np.ascontiguousarray(np.clip(v, 0, 1)) for v in (x, clean))
    return {before + name: value for name, value in score(x, clean, ("psnr", "ssim")).items()}


def phase(photo: str, pixels: Array, noise: float) -> Made:
    """A grey picture from its modulus; beside it the best start, without the denoiser."""
    grey = centre_crop(pixels, PHASE_SIDE).mean(0, keepdims=True)
    shape = phase_retrieval(grey.shape, 2.0).shape_out
    y = Diffracted(noise=noise)(tensor(grey), Noise(0, f"{photo} phase")((1, *shape))[0])
    found = undrift.restore(y.numpy(), task="phase", noise=noise, starts=STARTS, rounds=ROUNDS,
                            item=photo, model=MODEL)  # fmt: skip
    moduli = Moduli(torch.fft.ifftshift(y.clamp(min=0).float(), dim=(-2, -1))[:, None], PHASE_SIDE)
    begun = best_start(moduli, STARTS, ROUNDS, 0, photo)[:, 0, :PHASE_SIDE, :PHASE_SIDE].numpy()
    result, plain = aligned(planes(found.value), grey), aligned(begun, grey)
    seen = np.log(1e-3 + np.abs(y.numpy()))
    match = float(np.corrcoef(result.ravel(), grey.ravel())[0, 1])
    extra = {"correlation": match, "found": match >= FOUND, "chi": found.info["chi"]}
    return Made(grey, (seen - seen.min()) / np.ptp(seen), plain, result, extra)


def low_light(photo: str, pixels: Array, known: bool) -> Made:
    """A dark picture; beside it the tone curve inverted, the known or the estimated one."""
    clean = centre_crop(pixels, SIDE)
    noise = Noise(0, f"{photo} low light")((1, *clean.shape))[0]
    y = Darkened(GAIN, TONE, noise=LOW_NOISE)(tensor(clean), noise)
    told = {"gain": GAIN, "gamma": TONE} if known else {}
    found = undrift.restore(flat(y), task="lowlight", noise=255 * LOW_NOISE, item=photo,
                            model=MODEL, **told)  # fmt: skip
    gain, gamma = found.info["gain"], found.info["gamma"]
    plain = (y.numpy() / gain).clip(0, 1) ** (1 / gamma)
    extra = {"gain": gain, "gamma": gamma, "chi": found.info["chi"]}
    return Made(clean, y.numpy(), plain, planes(found.value), extra)


def by_solve(
    name: str, operator: Callable[[tuple[int, ...]], Operator], noise: float, drawn: bool,
    undone: Callable[[Array], Array],
) -> Callable[[str, Array], Made]:  # fmt: skip
    """A task of the front door, left to itself; beside it what undoes the curve by hand."""

    def run(photo: str, pixels: Array) -> Made:
        clean = centre_crop(pixels, SIDE)
        forward = operator(clean.shape)
        y = forward(tensor(clean)[None])[0]
        if drawn:
            y = y + noise * Noise(0, f"{photo} {name}")((1, *y.shape))[0]
        found = undrift.solve(y, forward, MODEL, noise=noise, item=photo, device="cpu")
        extra = {"chi": found.info["chi"], "method": found.info["method"]}
        return Made(clean, y.numpy(), undone(y.numpy()), found.value.numpy(), extra)

    return run


def blind(photo: str, pixels: Array, psf: str) -> Made:
    """A kernel that nobody tells; beside it the blurred picture, and the kernel told."""
    true = read_psf(psf).numpy()
    tall, wide = true.shape
    big = centre_crop(pixels, SIDE + max(tall, wide) - 1)[:, : SIDE + tall - 1, : SIDE + wide - 1]
    clean = big[:, tall // 2 : tall // 2 + SIDE, wide // 2 : wide // 2 + SIDE]
    noise = Noise(0, f"{photo} {psf}")((1, *clean.shape))[0]
    y = Blurred(psf, noise=BLUR_NOISE / 255)(tensor(big), noise)
    call: dict[str, Any] = {"noise": BLUR_NOISE, "item": photo, "model": MODEL}
    found = undrift.deblur(flat(y), psf="auto", **call)
    told = undrift.deblur(flat(y), psf=psf, **call)
    error, match = kernel_scores(np.array(found.info["psf"]), true)
    result = planes(found.value)
    extra = {
        **scored(planes(told.value), clean, "known_"), "moved_psnr": moved_psnr(result, clean),
        "kernel_error": error, "kernel_correlation": match, "chi": found.info["chi"],
    }  # fmt: skip
    return Made(clean, y.numpy(), y.numpy(), result, extra)


def kernel_scores(found: Array, true: Array) -> tuple[float, float]:
    """Relative L2 error and correlation (cosine) of kernels, at the best shift by whole pixels."""
    size = [a + b for a, b in zip(found.shape, true.shape, strict=True)]
    spectra = [np.fft.fft2(kernel, size) for kernel in (found, true)]
    match = float(np.fft.ifft2(spectra[0].conj() * spectra[1]).real.max())
    power, whole = float((found**2).sum()), float((true**2).sum())
    error = max(power + whole - 2 * match, 0.0)
    return (error / whole) ** 0.5, match / (power * whole) ** 0.5


def moved_psnr(x: Array, clean: Array, reach: int = REACH) -> float:
    """The best PSNR of x moved by up to `reach` pixels: a kernel may be moved with its picture."""
    h, w = (n - reach for n in clean.shape[1:])
    middle = clean[:, reach:h, reach:w]
    places = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]
    errors = [
        np.square(np.clip(x[:, reach + i : h + i, reach + j : w + j], 0, 1) - middle).mean()
        for i, j in places
    ]
    return float(-10 * np.log10(min(errors)))


TASKS: dict[str, Callable[[str, Array], Made]] = {
    "phase, noise .001": lambda photo, x: phase(photo, x, 0.001),
    "phase, noise .01": lambda photo, x: phase(photo, x, 0.01),
    "low light, tone known": lambda photo, x: low_light(photo, x, True),
    "low light, tone estimated": lambda photo, x: low_light(photo, x, False),
    "clipping": by_solve(
        "clipping", lambda s: Clip(s, CLIP_SCALE, 0.0, 1.0), CLIP_NOISE, True,
        lambda y: y / CLIP_SCALE,
    ),
    "JPEG": by_solve("JPEG", lambda s: JPEG(s, QUALITY), JPEG_NOISE, False, lambda y: y),
    "gamma": by_solve(
        "gamma", lambda s: Gamma(s, GAMMA), GAMMA_NOISE, True,
        lambda y: y.clip(0, 1) ** (1 / GAMMA),
    ),
    "blind, Gaussian blur": lambda photo, x: blind(photo, x, "gaussian:1.6"),
    "blind, motion blur": lambda photo, x: blind(photo, x, "motion:11,30"),
}  # fmt: skip


def tensor(x: Array) -> Tensor:
    """The same values, their own memory."""
    return torch.from_numpy(np.ascontiguousarray(x))


def flat(y: Tensor) -> Array:
    """(c, h, w) to the (h, w, c) of the task functions, in float32."""
    return np.ascontiguousarray(y.float().numpy().transpose(1, 2, 0))


def planes(value: Any) -> Array:
    """(h, w) or (h, w, c) to (c, h, w)."""
    value = np.asarray(value)
    return value[None] if value.ndim == 2 else np.ascontiguousarray(value.transpose(2, 0, 1))


def head() -> dict[str, Any]:
    """What all runs of the file share."""
    settings = {
        "side": SIDE, "phase": [PHASE_SIDE, STARTS, ROUNDS, FOUND], "low": [GAIN, TONE, LOW_NOISE],
        "clip": [CLIP_SCALE, CLIP_NOISE], "jpeg": [QUALITY, JPEG_NOISE],
        "gamma": [GAMMA, GAMMA_NOISE], "blur": [BLUR_NOISE, REACH],
    }  # fmt: skip
    return {"record": "settings", "model": MODEL, "weights": sha256_of(find_weights(MODEL)),
            "card": CARD, **settings}  # fmt: skip


def missing(
    records: Sequence[dict[str, Any]], card: str, only: str
) -> Iterator[tuple[str, str, Array]]:
    """(task, photograph, pixels) that have no line yet, of tasks that begin with `only`."""
    done = {(r["task"], r["photo"]) for r in records if r["record"] == "run"}
    for task in TASKS:
        for photo, pixels in load_photos(card):
            if (task, photo) not in done and task.startswith(only):
                yield task, photo, pixels


def measure(path: Path, card: str, only: str = "") -> None:
    """Runs what the file does not hold yet. Raises InputError for a file of other settings."""
    records, mine = read(path), {**head(), "card": card}
    if records and records[0] != mine:
        raise InputError(
            f"{path} was measured with {records[0]}; this run has {mine}; finish it with those, or "
            "move the file away and begin again"
        )
    if not records:
        append(mine, path)
    for task, photo, pixels in missing(records, card, only):
        began = time.process_time()
        found = TASKS[task](photo, pixels).scores()
        found["seconds"] = time.process_time() - began
        rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in found.items()}
        append({"record": "run", "task": task, "photo": photo, **rounded}, path)
        print(task, photo, rounded, flush=True)


def append(record: dict[str, Any], path: Path) -> None:
    """One line more."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def strip(photo: str, card: str, path: Path) -> None:
    """Truth, measurement and result of every task on one photograph."""
    ((_, pixels),) = load_photos(card, [photo])
    draw({task: run(photo, pixels) for task, run in TASKS.items()}, path)


def main() -> None:
    """Parses the options; without any, measures, writes the page and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--card", default=CARD, help="other photographs, for a look")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--only", default="", help="tasks that begin like this; no page")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--picture", metavar="PHOTO", help="no measurement, one strip")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.picture:
        strip(asked.picture, asked.card, Path(f"{asked.picture}.png"))
        return
    if not asked.page:
        measure(asked.results, asked.card, asked.only)
    if asked.results == RESULTS and not asked.only:
        write_page()
        if not asked.page:
            strip(SHOWN, CARD, PICTURE)


if __name__ == "__main__":
    main()

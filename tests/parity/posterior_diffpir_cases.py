"""DiffPIR from one picture to the end: inpainting by its mask and deblurring by its kernel."""

import functools
from collections.abc import Iterator

import numpy as np
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import Seen, excused, names, numbered, times
from parity.posterior_standins import prior
from torch import Tensor

from undrift.common.operators.blur import Blur
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.proximal import DiffPIR
from undrift.common.posterior.redrawn import Redrawn
from undrift.common.solvers.loop import run_plan

RUNS = names("diffpirrepo_*")
LEAST = 0.001  # their smallest noise of a measurement, in [0, 1]
UNREAD = {
    name: excused(name, "x_true_png", "iter_num", "noise_level*", "net_calls")
    | excused(name, "noise_*", reason="two draws of three are not used")
    for name in RUNS
}  # fmt: skip


def _noise(name: str) -> float:
    """Of the measurement, in [0, 1]: the end of the name, of 255."""
    return max(LEAST, float(name.rsplit("_s", 1)[1]) / 255)


def _measured(data: Arrays) -> tuple[LinearOperator, Tensor, Tensor]:
    """The operator, the measurement and the start's signal, in [-1, 1]."""
    y = 2 * tensor(data["y01"]) - 1
    if "mask" in data:
        mask = tensor(data["mask"])
        return Mask(mask[0], mask.shape[1:]), mask * y, y
    kernel = tensor(data["kernel"])[0, 0]
    return Blur(kernel, y.shape[1:]), y + 1 - kernel.sum(), y


def _run(name: str) -> float:
    data = load(name)
    look, measured, begin = _measured(data)
    denoise = prior(data, 1.0)
    seen = Seen(denoise, denoise.process)
    weight, sigma = float(data["lambda_"]) / 4, 2 * _noise(name)  # [0, 1] -> [-1, 1]
    method = DiffPIR(seen, seen.process, look, measured, sigma, weight=weight)
    levels = np.sqrt((1 - data["alpha_bar"]) / data["alpha_bar"])
    grid = times(int(np.abs(levels - level).argmin()) for level in data["sigma_level"])
    a, s = method.ends_at(grid[0])
    found = [a * begin + s * tensor(data["noise_000"])]
    plan = Redrawn(float(data["zeta"])).plan(seen.process, grid)
    run_plan(
        method, found[0], plan, draw=numbered(data, lambda k: 3 * k),
        watch=lambda _, x, e: found.append(x),
    )  # fmt: skip
    last = seen.inner(found[-1], grid[-1], None, None).x0  # a call whose answer they drop
    theirs = data["traj_net_x0"]
    return max(
        worst(found, data["traj_net_in"]), seen.error(theirs[:-1]),
        worst(last, theirs[-1]), worst((found[-1] + 1) / 2, data["final_01"]),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name in RUNS:
        # their closed form of the blur in Fourier space loses digits to float32
        tolerance = 5e-3 if "deblur" in name else 2e-5
        run = functools.partial(_run, name)
        yield Case(name, "DiffPIR 111d26e main_ddpir.py", tolerance, run, "DiffPIR")

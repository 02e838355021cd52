"""SelfRDB and LeFusion: schedules, single steps, losses and orders of visits."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, tensor, worst
from torch import Tensor

from undrift.common.external import External
from undrift.common.processes import SelfRDB
from undrift.common.processes.process import marginal
from undrift.common.processes.variance_preserving import cosine
from undrift.common.solvers import ancestral
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.travel import TimeTravel, visits
from undrift.medical.lesions.histogram import checked, measure
from undrift.medical.lesions.objective import masked_error

LEFUSION = "LeFusion eaf2aa2"


def _selfrdb(steps: int, gamma: float, key: str) -> float:
    process = SelfRDB(steps, gamma)
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    sums = torch.tensor(process.sums, dtype=torch.float64)
    rates = torch.diff(sums, prepend=torch.zeros(1, dtype=torch.float64))
    found = {
        "mu_x0": process.a(times), "mu_y": process.b(times), "std": process.s(times),
        "s": process.coded().s(times), "betas": rates,
    }  # fmt: skip
    return worst(found[key], load("selfrdb")[f"n{steps}_g{gamma}_{key}"])


def _selfrdb_draws() -> float:
    """Forward states, and reverse steps with the noise of the program."""
    data, process = load("selfrdb"), SelfRDB()
    x0, y, times = tensor(data["toy_x0"]), tensor(data["toy_y"]), tensor(data["toy_t"]) / 10
    x = marginal(process, x0, y, times, tensor(data["toy_noise_fwd"]))
    error = worst(x, data["toy_xt"])
    noise, found = tensor(data["toy_noise_post"]), []
    for i, t in enumerate(times.tolist()):
        (step,) = ancestral().plan(process.coded(), [t, t - 0.1 if t > 0.15 else 0.0])
        drawn = step.sigma * noise[i]
        found.append(step.A[0] * x[i] + step.B[0] * x0[i] + step.C * y[i] + drawn)
    return max(error, worst(found, data["toy_xtm1"]))


def noise_net(x: Tensor, y: Tensor | None, t: float, steps: int = 300) -> Tensor:
    """The stand-in of LeFusion; its time is the index, of 300 whatever the number of steps."""
    return 0.9 * x - 0.3 * torch.tanh(x) + 0.01 * (round(t * steps) - 1) / 300


def _table(key: str) -> float:
    data, process = load("lefusion"), cosine(300, 0.9999)
    times = torch.arange(1, 301, dtype=torch.float64) / 300
    levels = process.a(times) ** 2
    plan = ancestral().plan(process, [*times.flip(0).tolist(), 0.0])[::-1]
    found = {
        "alphas_cumprod": levels,
        "betas": 1 - levels / torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]]),
        "posterior_mean_coef1": torch.tensor([step.B[0] for step in plan]).double(),
        "posterior_mean_coef2": torch.tensor([step.A[0] for step in plan]).double(),
        "posterior_variance": torch.tensor([step.sigma for step in plan]).double() ** 2,
        "sqrt_recip_alphas_cumprod": 1 / process.a(times),
        "sqrt_recipm1_alphas_cumprod": process.s(times) / process.a(times),
    }  # fmt: skip
    return worst(found[key], data[f"T300_{key}"])


def _short_table() -> float:
    data, process = load("lefusion"), cosine(20, 0.9999)
    levels = process.a(torch.arange(1, 21, dtype=torch.float64) / 20) ** 2
    betas = 1 - levels / torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]])
    return max(worst(levels, data["T20_alphas_cumprod"]), worst(betas, data["T20_betas"]))


def _loss(kind: str, power: int) -> float:
    """Mean over all voxels of |M eps - M eps_hat|^power, summed over classes for two lesions."""
    data, process = load("lefusion"), cosine(300, 0.9999)
    times = (tensor(data["t"]) + 1) / 300
    if kind == "lidc":
        x0, noise, masks = tensor(data["x0"]), tensor(data["noise"]), tensor(data["mask"])
    else:
        x0, noise = tensor(data["emidec_x0"]), tensor(data["emidec_noise"])
        label = tensor(data["emidec_label"])[:, 0]
        masks = torch.stack([label == 3, label == 4], 1).double()
    x = marginal(process, x0, None, times, noise)
    found = torch.cat([noise_net(x[i : i + 1], None, float(t)) for i, t in enumerate(times)])
    loss = masked_error(found, noise, masks, power)
    states = worst(x, data["x_t"]) if kind == "lidc" else 0.0
    return max(states, abs(float(loss) / float(data[f"loss_{kind}_l{power}"]) - 1))


def _visit(index: int) -> float:
    """Known voxels are put in, then one ancestral step; a walk of one visit."""
    data, process = load("lefusion"), cosine(20, 0.9999)
    mask, known = tensor(data["mask"]), tensor(data["x0"])
    times = [(index + 1) / 20, index / 20]
    travel = TimeTravel(mask, known, composite=False)
    network = functools.partial(noise_net, steps=20)
    denoise = External(network, process, "eps", clip=1.0)
    noises = [tensor(data[f"repaint_step_t{index}_noise_{name}"]) for name in ("gt", "post")]
    plan = travel.plan(process, times)
    x = run_plan(denoise, tensor(data["repaint_step_xt"]), plan, draw=lambda k: noises[k - 1])
    return worst(x, data[f"repaint_step_t{index}"])


def _undo() -> float:
    """From index 7 up to 8, by the forward chain."""
    data, process = load("lefusion"), cosine(20, 0.9999)
    steps = TimeTravel(torch.ones(()), torch.zeros(()), jump=1, times=2).plan(
        process, [9 / 20, 8 / 20, 0.0]
    )
    (up,) = [step for step in steps if not step.calls and step.A[0] != 1.0]
    x, noise = tensor(data["repaint_step_xt"]), tensor(data["undo_t8_noise"])
    return worst(up.A[0] * x + up.sigma * noise, data["undo_t8"])


def _histogram() -> float:
    """Of the first lesion, which the program counts as shares of its voxels."""
    data = load("lefusion")
    found = measure(data["x0"][0], data["mask"][0])
    return worst(torch.from_numpy(found), data["hist16_sample0"])


def _centres(key: str) -> float:
    """The shipped centres are shares of a whole; ours leaves what is one as it is."""
    centres = load("lefusion")[key]
    found = [torch.from_numpy(checked(centre)) for centre in centres]
    return worst(found, centres)


def _walk(key: str) -> float:
    steps, jump, times = (int(part[1:]) for part in key.split("_")[1:])
    theirs = load("lefusion")[key].tolist()
    return float(np.abs(np.array(visits(steps, jump, times)) - np.array(theirs)).max())


def cases() -> Iterator[Case]:
    """All cases of this file."""
    source = "SelfRDB 6262ede diffusion.py"
    for steps in (4, 10):
        for gamma in (1.0, 0.5):
            for key in ("betas", "s", "mu_x0", "mu_y", "std"):
                error = functools.partial(_selfrdb, steps, gamma, key)
                yield Case(f"SelfRDB {steps} steps, gamma {gamma}, {key}", source, 1e-6, error)
    yield Case("SelfRDB draws", source, 2e-6, _selfrdb_draws)
    keys = (
        "betas", "alphas_cumprod", "posterior_mean_coef1", "posterior_mean_coef2",
        "posterior_variance", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",
    )  # fmt: skip
    for key in keys:
        error = functools.partial(_table, key)
        yield Case(f"LeFusion {key}", f"{LEFUSION} diffusion.py", 1e-5, error)
    yield Case("LeFusion 20 steps", f"{LEFUSION} diffusion.py", 1e-5, _short_table)
    for kind in ("lidc", "emidec"):
        for power in (1, 2):
            error = functools.partial(_loss, kind, power)
            yield Case(f"LeFusion loss {kind} l{power}", f"{LEFUSION} p_losses", 2e-6, error)
    yield Case("LeFusion histogram", f"{LEFUSION} lidc_hist.py", 1e-7, _histogram)
    for key in ("lidc_hist_centers", "emidec_hist_centers"):
        error = functools.partial(_centres, key)
        yield Case(f"LeFusion {key}", f"{LEFUSION} hist_clusters", 2e-3, error)
    for index in (0, 7, 19):
        error = functools.partial(_visit, index)
        yield Case(f"LeFusion visit of {index}", f"{LEFUSION} p_sample", 2e-6, error)
    yield Case("LeFusion undo", f"{LEFUSION} undo", 2e-6, _undo)
    for key in ("jump_T20_l2_n2", "jump_T30_l5_n5", "jump_T50_l10_n10"):
        error = functools.partial(_walk, key)
        yield Case(f"LeFusion {key}", f"{LEFUSION} get_schedule_jump", 0.5, error)

"""SGMSE, BBED and StoRM, on complex spectrograms; `speech_bridge_cases` has the bridge.

The stand-in estimate of x0 is .6 y + .2 cos(t) x everywhere.
"""

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from oracles import number
from parity.case import Case, drawn, load, tensor, worst
from torch import Tensor

from undrift.common.external import External
from undrift.common.predictions import to_eps, weights
from undrift.common.processes import BBED, OUVE, Process
from undrift.common.processes.ouve import published as ouve
from undrift.common.processes.process import marginal, rates, start
from undrift.common.solvers import Solver
from undrift.common.solvers.adaptive import probability_flow
from undrift.common.solvers.corrector import PredictorCorrector
from undrift.common.solvers.loop import run_plan

SGMSE = "sgmse ae690e8"
TAGS = {"16k": ouve(16), "48k": ouve(48)}
RUNS = {  # name: corrector, snr, corrections, process
    "default30": ("ald", 0.5, 1, OUVE()),
    "ald2_n5": ("ald", 0.5, 2, OUVE()),
    "langevin_n5": ("langevin", 0.33, 1, OUVE()),
    "nocorr_n5": ("none", 0.5, 0, OUVE()),
    "p48k_n8": ("ald", 0.5, 1, ouve(48)),
    "em_n5": ("ald", 0.5, 1, OUVE()),
}
BRIDGES = {"k2.6_th0.52": BBED(), "k2.6_th0.51": BBED(theta=0.51), "k10_th0.08": BBED(10.0, 0.08)}
META = {"meta_*": "where the arrays come from"}
SETTINGS = "settings of the run, repeated here"
UNREAD = {
    "speech_ouve": {**META, "*_params_*": SETTINGS},
    "speech_bbed": {
        **META, "k*_std": "in float32; std64 is compared", "*_nfe": "what `calls` counts",
    },
    "speech_pc_sampler": {
        **META, "note": "text", "*_cfg": SETTINGS, "*_nfe": "what `calls` counts",
    },
    "speech_ode_sampler": {
        **META, "error_*": "text of the official defect",
        "t_end": SETTINGS, "rtol": SETTINGS, "atol": SETTINGS,
    },
    "speech_storm_sampler": {
        **META, "note": "text", "*_nfe": "what `calls` counts",
    },
    "speech_losses": {
        **META, "*_pesq_*": "needs the package torch-pesq, see tests/speech/test_losses.py",
    },
}  # fmt: skip


def spectrogram(array: np.ndarray) -> Tensor:
    """complex128 tensor."""
    return torch.from_numpy(np.array(array, dtype=np.complex128))


def distance(ours: Tensor, theirs: np.ndarray) -> float:
    """`worst` of real and imaginary parts; theirs may be real."""
    return worst(torch.view_as_real(ours), torch.view_as_real(spectrogram(theirs)).numpy())


def estimate(x: Tensor, y: Tensor | None, t: float) -> Tensor:
    """The stand-in network."""
    return 0.2 * math.cos(t) * x if y is None else 0.6 * y + 0.2 * math.cos(t) * x


def _at(process: Process, t: float) -> tuple[float, float, float]:
    time = number(t)
    return float(process.a(time)), float(process.b(time)), float(process.s(time))


def _ouve(tag: str, key: str) -> float:
    """A quantity of the process at all times of the file."""
    data, process = load("speech_ouve"), TAGS[tag]
    x0, y, x = (spectrogram(data[name]) for name in ("x0", "y", "x"))
    times = tensor(data["t"])
    f, k, g2 = rates(process, times)
    late = [i for i, t in enumerate(times.tolist()) if t >= 0.03 - 1e-6]

    def score(i: int) -> Tensor:
        a, b, s = _at(process, float(times[i]))
        return (a * estimate(x, y, float(times[i])) + b * y - x) / s**2

    drifts = [f[i] * x + k[i] * y for i in range(len(times))]
    both = torch.ones(2, dtype=torch.float64)
    found: dict[str, Callable[[], Tensor]] = {
        "alpha": lambda: process.a(times) + 0j,
        "std": lambda: process.s(times) + 0j,
        "std_float64": lambda: process.s(times) + 0j,
        "mean_at_t_i": lambda: torch.stack([marginal(process, x0, y, t, 0 * y) for t in times]),
        "drift": lambda: torch.stack(drifts),
        "diffusion": lambda: g2.sqrt()[:, None] * both + 0j,
        "discretize_f_dt_1_30": lambda: torch.stack(drifts) / 30,
        "discretize_G_dt_1_30": lambda: (g2 / 30).sqrt()[:, None] * both + 0j,
        "prior_sample": lambda: start(process, y, spectrogram(data[f"{tag}_prior_z"])),
        "reverse_drift": lambda: torch.stack([drifts[i] - g2[i] * score(i) for i in late]),
        "pflow_drift": lambda: torch.stack([drifts[i] - g2[i] / 2 * score(i) for i in late]),
    }
    return distance(found[key](), data[f"{tag}_{key}"])


def _bbed(key: str) -> float:
    data = load("speech_bbed")
    times = tensor(data["t"])
    if key in BRIDGES:
        process = BRIDGES[key]
        spread = distance(process.s(times) + 0j, data[f"{key}_std64"])
        diffusion = torch.sqrt(rates(process, times)[2])
        return max(spread, distance(diffusion + 0j, data[f"{key}_diffusion"]))
    process = BBED()
    x0, y, x = (spectrogram(data[name]) for name in ("x0", "y", "x"))
    f, k, _ = rates(process, times)
    means = torch.stack([marginal(process, x0, y, t, 0 * y) for t in times])
    drifts = torch.stack([f[i] * x + k[i] * y for i in range(len(times))])
    return max(distance(means, data["mean_at_t_i"]), distance(drifts, data["drift_at_t_i"]))


def _walk(
    denoise: Callable[..., object],
    process: Process,
    solver: Solver,
    times: list[float],
    y: Tensor,
    noise: Tensor,
    per: int,
) -> tuple[Tensor, Tensor]:
    """State and mean after every predictor step, which comes every `per` steps; (n, 2, ...)."""
    plan = solver.plan(process, [*times, 0.0])
    x, kept = start(process, y, noise[0], times[0]), []

    def watch(k: int, x: Tensor, e: object) -> None:
        if (k + 1) % per == 0:
            drawn = plan[k].sigma * noise[k + 1] if plan[k].sigma else 0 * x
            kept.append(torch.stack([x, x - drawn]))

    last = run_plan(denoise, x, plan, y=y, draw=lambda k: noise[k], watch=watch)  # type: ignore[arg-type]
    return torch.stack(kept), last


def _predictor_corrector(run: str) -> float:
    data, (corrector, snr, corrections, process) = load("speech_pc_sampler"), RUNS[run]
    times = [float(t) for t in data[f"{run}_timesteps"]]
    fixed = 1 / len(times) if run == "em_n5" else None  # their Euler-Maruyama has its own step
    solver = PredictorCorrector(corrector, snr, corrections, fixed)
    kept, last = _walk(
        External(estimate, process, "x0"), process, solver, times, spectrogram(data["y"]),
        spectrogram(data[f"{run}_noise"]), corrections + 1,
    )  # fmt: skip
    theirs = data[f"{run}_traj_x_and_mean"]
    states = distance(kept[:-1], theirs[:-1])  # the last state of theirs still gets a draw
    return max(states, distance(kept[-1, 1], theirs[-1, 1]), distance(last, data[f"{run}_result"]))


def _bbed_run(top: str) -> float:
    data, process = load("speech_bbed"), BBED()
    times = torch.linspace(float(top), 0.03, 8).tolist()
    kept, last = _walk(
        External(estimate, process, "x0"), process, PredictorCorrector(), times,
        spectrogram(data["y"]), spectrogram(data[f"pc_T{top}_n8_noise"]), 2,
    )  # fmt: skip
    theirs = data[f"pc_T{top}_n8_traj_x_and_mean"]
    return max(
        distance(kept[:-1], theirs[:-1]), distance(kept[-1, 1], theirs[-1, 1]),
        distance(last, data[f"pc_T{top}_n8_result"]),
    )  # fmt: skip


def _storm(run: str) -> float:
    """The first stage's output is the y of the process; the network sees the noisy one."""
    data, process = load("speech_storm_sampler"), OUVE()
    count, corrector = (
        int(run[1:].split("_")[0]),
        {"nocorr": "none", "ald": "ald"}[run.split("_")[1]],
    )
    noisy, ends = spectrogram(data["y"]), spectrogram(data["y_denoised"])
    per = 1 if corrector == "none" else 2
    stored = spectrogram(data[f"{run}_noise"])  # of the long run only the first draws
    seed = int(data[f"{run}_noise_seed"])
    noise = torch.stack(drawn(seed, noisy.shape, per * count + 1, torch.complex64))
    if not torch.equal(noise[: len(stored)], stored):  # another stream than that torch's
        noise = stored
    solver = PredictorCorrector(corrector, 0.5, per - 1, 1 / count)
    denoise = External(lambda x, y, t: estimate(x, noisy, t), process, "x0")
    times = torch.linspace(1.0, 0.03, count).tolist()
    theirs, result = data[f"{run}_traj_x_and_mean"], data[f"{run}_result"]
    if len(noise) <= per * count:
        plan = solver.plan(process, [*times, 0.0])[:per]
        x = start(process, ends, noise[0], times[0])
        x = run_plan(denoise, x, plan, y=ends, draw=lambda k: noise[k])
        return distance(x, theirs[0, 0])
    kept, last = _walk(denoise, process, solver, times, ends, noise, per)
    kept = kept[:: count // len(theirs)]
    error = max(distance(kept[:, 1], theirs[:, 1]), distance(last, result))
    return max(error, distance(kept[:-1, 0], theirs[:-1, 0]))


def _flow() -> float:
    data, process = load("speech_ode_sampler"), OUVE()
    y = torch.from_numpy(data["y"])  # in single precision, which the step control sees
    begin = start(process, y, torch.from_numpy(data["prior_z"]))
    denoise = External(estimate, process, "x0")
    x, calls = probability_flow(denoise, process, begin, 1.0, 0.03, y=y)
    same = distance(x.to(torch.complex128), data["result_no_denoise"])
    return same if calls == int(data["nfe"]) else math.inf


def _loss(key: str) -> float:
    """The output is taken as a score; losses are half sums of squares, mean over items."""
    data, process = load("speech_losses"), OUVE()
    x0, y, z, score, x = (
        spectrogram(data[name]) for name in ("x0", "y", "z", "forward_out", "x_t")
    )
    times = tensor(data["t"])
    state = marginal(process, x0, y, times, z)
    s = process.s(times).reshape(-1, 1, 1, 1)
    abs_ = (process.a(times), process.b(times), process.s(times))
    noise = to_eps(weights("score", process, times), abs_, score, x, y)
    if key == "score_matching":
        gap, weight = noise - z, torch.ones_like(s)
    else:  # how far the estimate of the state's mean is from it
        gap = s * (z - noise)
        edm = (s**2 + 0.1**2) / (s * 0.1) ** 2
        weight = {"w_1": torch.ones_like(s), "w_sigma^2": s**2, "w_edm": edm}[key[9:]]
    each = (gap.abs() ** 2).flatten(1).sum(1) / 2
    # As coded, the weights of "edm" meet every item of the batch.
    coded = key.endswith("edm")
    loss = weight.mean() * each.sum() if coded else (weight.flatten() * each).mean()
    wrong = abs(float(loss) / float(data[key]) - 1)
    return max(wrong, distance(state, data["x_t"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    sdes = f"{SGMSE} sdes.OUVESDE"
    for tag in TAGS:
        for key in (
            "alpha", "std", "std_float64", "mean_at_t_i", "drift", "diffusion", "prior_sample",
            "discretize_f_dt_1_30", "discretize_G_dt_1_30", "reverse_drift", "pflow_drift",
        ):  # fmt: skip
            tolerance = 1e-12 if key == "std_float64" else 2e-5
            yield Case(
                f"OUVE {tag} {key}", sdes, tolerance, functools.partial(_ouve, tag, key), "OUVE"
            )
    for key in (*BRIDGES, "mean and drift"):
        error = functools.partial(_bbed, key)
        yield Case(f"BBED {key}", "sgmse-bbed sdes.BBED", 2e-5, error, "BBED")
    for top in ("0.999", "0.5"):
        error = functools.partial(_bbed_run, top)
        yield Case(f"BBED from {top}, 8 steps", "sgmse-bbed get_pc_sampler", 2e-5, error, "BBED")
    for run in RUNS:
        error = functools.partial(_predictor_corrector, run)
        yield Case(f"OUVE sampler {run}", f"{SGMSE} get_pc_sampler", 2e-5, error, "OUVE")
    for run in ("n8_nocorr", "n8_ald", "n50_ald"):
        error = functools.partial(_storm, run)
        yield Case(f"StoRM {run}", "storm 257e963 get_pc_sampler", 2e-5, error, "OUVE")
    yield Case("OUVE flow, RK45", f"{SGMSE} get_ode_sampler", 2e-5, _flow, "OUVE")
    for key in ("score_matching", "denoiser_w_1", "denoiser_w_sigma^2", "denoiser_w_edm"):
        error = functools.partial(_loss, key)
        yield Case(f"OUVE loss {key}", f"{SGMSE} ScoreModel._loss", 2e-5, error, "OUVE")

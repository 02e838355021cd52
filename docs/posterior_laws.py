"""Prints the tables of docs/posterior_laws.md: `python docs/posterior_laws.py` (about a minute).

Laws are exact (`tests/gaussian_posterior.py`) but for the rows marked with a number of samples.
`--memory` prints the table of memory and time of a call instead, from one process for each row.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bridge_posterior import BRIDGES, found, told, truth  # noqa: E402
from gaussian_posterior import (  # noqa: E402
    NAMES,
    SIZE,
    VP,
    Law,
    arrays,
    by_index,
    by_ratio,
    chi2,
    distance,
    exact,
    law,
    law_of_plan,
    law_of_steps,
    measured,
    noise_at,
    posterior,
    redrawn_by_roots,
    sampled,
    some,
    twenty_calls,
)

from undrift.common.networks.checkpointed import checkpointed  # noqa: E402
from undrift.common.operators.coarse import Average  # noqa: E402
from undrift.common.posterior.ddrm import DDRM  # noqa: E402
from undrift.common.posterior.dps_shift import DPSShift  # noqa: E402
from undrift.common.posterior.gradient import DPS  # noqa: E402
from undrift.common.posterior.jfps import JFPS  # noqa: E402
from undrift.common.posterior.moment_matching import MomentMatching  # noqa: E402
from undrift.common.posterior.pigdm import PiGDM  # noqa: E402
from undrift.common.posterior.proximal import DiffPIR  # noqa: E402
from undrift.common.posterior.red_diff import RedDiff  # noqa: E402
from undrift.common.posterior.tmpd import TMPD  # noqa: E402
from undrift.common.solvers import DDIM, Exponential, Heun  # noqa: E402
from undrift.common.weights.model import load_model  # noqa: E402

SOLVED = {"iterations": 64, "tol": 1e-12}
SAMPLES = 4000
Row = tuple[str, int, Callable[[str], Law]]


def conditional(label: str, kind: type, **options: object) -> Iterator[Row]:
    """A conditional denoiser under the second order, with and without noise of its own."""
    plain, noisy = Exponential(2), Exponential(2, eta=1.0)
    for how, solver, counts in (("2M", plain, (20, 50)), ("SDE-2M", noisy, (20,))):
        for n in counts:
            yield (
                f"{label}, {how}",
                n,
                lambda name, n=n, solver=solver: law_of_plan(
                    measured(name, kind, **options), solver.plan(VP, by_ratio(n))
                ),
            )


def published(label: str, kind: type, solver: DDIM, **options: object) -> Iterator[Row]:
    """A method as its paper runs it: first order, equal steps of the index."""
    for n in (100, 1000):
        yield (
            label,
            n,
            lambda name, n=n: law_of_steps(
                measured(name, kind, **options), solver.plan(VP, [*by_index(n), 0.0])
            ),
        )


def ddrm(name: str, n: int) -> Law:
    sampler = measured(name, DDRM)
    return law(lambda blocks: sampler.run(by_index(n), blocks.draw()), n + 1)


def dps(name: str, n: int) -> Law:
    steps = DDIM(1.0).plan(VP, [*by_index(n), 0.0])
    start = some(1000, SIZE, seed=1) * noise_at(steps[0].t)[1][0, 0].sqrt()
    sampler = measured(name, DPSShift, weight=0.3)
    return sampled(sampler.run(start, steps, draw=lambda k: some(1000, SIZE, seed=100 + k)))


def red_diff(name: str, n: int) -> Law:
    p = arrays("gaussian_problem")
    start = (torch.linalg.pinv(p[f"{name}_A"]) @ p[f"{name}_y"]).expand(1000, -1)
    sampler = measured(name, RedDiff, rate=0.1, weight=0.25, official=True)
    return sampled(sampler.run(by_index(n), start, lambda k: some(1000, SIZE, seed=200 + k)))


def few_products(name: str, k: int) -> Law:
    return sampled(twenty_calls(measured(name, MomentMatching, iterations=k), SAMPLES, 1))


def rows() -> Iterator[Row]:
    """All rows of the table."""
    for n in (10, 20, 50):
        yield (
            "exact, 2M",
            n,
            lambda name, n=n: law_of_plan(exact(name), Exponential(2).plan(VP, by_ratio(n))),
        )
    yield from conditional("MMPS, solved", MomentMatching, **SOLVED)
    for k in (1, 3, 5, 10):
        label = f"MMPS, {k} products, 2M ({SAMPLES} samples)"
        yield label, 20, lambda name, k=k: few_products(name, k)
    yield from conditional("PiGDM", PiGDM)
    yield from conditional("JFPS", JFPS)
    yield from conditional("TMPD", TMPD)
    yield from conditional("DiffPIR's step", DiffPIR)
    yield from conditional("DPS, annealed", DPS, rule="annealed")
    yield from conditional("SDA, gamma .1", DPS, rule="sda", gamma=0.1)
    for kind in (PiGDM, JFPS, TMPD):
        yield from published(f"{kind.__name__}, ancestral", kind, DDIM(1.0))
    yield from published("DPS, annealed, ancestral", DPS, DDIM(1.0), rule="annealed")
    yield from published("DPS, Gauss, ancestral", DPS, DDIM(1.0), rule="gauss")
    for n in (100, 1000):
        yield (
            "DiffPIR as published, zeta .3",
            n,
            lambda name, n=n: law_of_steps(measured(name, DiffPIR), redrawn_by_roots(n, 0.3)),
        )
    for n in (20, 100):
        yield "DDRM and DDNM+, eta .85", n, lambda name, n=n: ddrm(name, n)
    for n in (100, 1000):
        yield "DPS, official, zeta .3 (1000 samples)", n, lambda name, n=n: dps(name, n)
        yield "RED-Diff, official (1000 samples)", n, lambda name, n=n: red_diff(name, n)


def cell(law: Law, name: str) -> str:
    """W2, spread and chi^2, or that it diverged."""
    w2, ratio = distance(law, name)
    return f"{w2:.3f} ({ratio:.2f}) {chi2(law, name):.2f}" if w2 < 50 else "diverges"


def table() -> None:
    print("| method | calls | means of 2 x 2 | inpainting | blur |\n|---|---|---|---|---|")
    truth = " | ".join(f"0 (1) {chi2(posterior(name), name):.2f}" for name in NAMES)
    print(f"| the posterior itself | | {truth} |")
    for label, n, run in rows():
        cells = " | ".join(cell(run(name), name) for name in NAMES)
        print(f"| {label} | {n} | {cells} |", flush=True)


def bridges() -> None:
    solvers = {
        "2M": Exponential(2), "SDE-2M": Exponential(2, eta=1.0), "Heun": Heun(), "DDIM": DDIM(),
        "ancestral": DDIM(1.0),
    }  # fmt: skip
    print("| process | solver | 10 | 20 | 50 | 100 steps |\n|---|---|---|---|---|---|")
    for name, process in BRIDGES.items():
        for label, solver in solvers.items():
            laws = (found(name, told(process), solver, n) for n in (10, 20, 50, 100))
            cells = " | ".join("{:.3f} ({:.2f})".format(*distance(law, truth())) for law in laws)
            print(f"| {name} | {label} | {cells} |", flush=True)


MODES = ("forward alone", "PiGDM", "PiGDM, checkpointed", "MMPS, 3", "MMPS, 3, checkpointed")


def one_call(mode: str, side: int) -> Callable[[], object]:
    """A call of a conditional denoiser on 1 x 3 x side x side with the model that ships."""
    denoiser = load_model("leaves-denoise").denoiser
    if "checkpointed" in mode:
        denoiser = denoiser.with_network(checkpointed(denoiser.network))
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    x = x.to(memory_format=torch.channels_last)
    if mode == "forward alone":
        with torch.inference_mode():
            return lambda: denoiser(x, 0.5)
    operator = Average((3, side, side), 4)
    kind, options = (PiGDM, {}) if mode.startswith("PiGDM") else (MomentMatching, {"iterations": 3})
    options = {**options, **({"tol": 0.0} if options else {})}
    guided = kind(denoiser, denoiser.process, operator, operator(x), 0.05, 0.3, **options)
    return lambda: guided(x, 0.5)


def memory(mode: str, side: int) -> None:
    """Prints MiB at the peak of one call above what the process held before it."""
    torch.set_num_threads(1)
    small = one_call(mode, 64)
    small()  # loads what is loaded late
    call = one_call(mode, side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.no_grad():
        began = time.process_time()
        call()
        spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"| {mode} | {(peak - before) / 1024:.0f} | {spent:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", choices=MODES)
    parser.add_argument("--side", type=int, default=512)
    said = parser.parse_args()
    if said.one:
        memory(said.one, said.side)
    elif said.memory:
        print("| one call, 1 x 3 x 512 x 512 | peak, MiB | seconds |\n|---|---|---|", flush=True)
        for mode in MODES:
            subprocess.run([sys.executable, __file__, "--one", mode], check=True)
    else:
        table()
        print()
        bridges()


if __name__ == "__main__":
    main()

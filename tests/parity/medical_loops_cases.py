"""SelfRDB's and LeFusion's whole runs, whose noise was drawn from a seeded stream of torch.

They are compared where the stream is the one of those runs, which one stored draw tells.
"""

import functools
from collections.abc import Iterator

import torch
from parity.case import Case, drawn, load, tensor, worst
from parity.medical_cases import noise_net
from torch import Tensor

from undrift.common.exact import number
from undrift.common.external import External
from undrift.common.processes import SelfRDB
from undrift.common.processes.variance_preserving import cosine
from undrift.common.self_consistency import SelfConsistent
from undrift.common.solvers import ancestral
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.travel import TimeTravel


@functools.cache
def _same_stream() -> bool:
    stored = tensor(load("lefusion")["emidec_loop_T20_seed79_noise"])
    return torch.equal(drawn(79, stored.shape, 1, torch.float32)[0], stored)


_OTHER = "this release of torch draws another stream"
UNREAD = (
    {}
    if _same_stream()
    else {"selfrdb": {"toy_sample_x0_seed13": _OTHER}, "lefusion": {"*_loop_*": _OTHER}}
)


def _selfrdb() -> float:
    """Ten steps from y and noise, two recursions each, with the program's own noise and stop."""
    data, process = load("selfrdb"), SelfRDB()
    y = tensor(data["toy_y"])
    noise = drawn(13, y.shape, 11, torch.float32)
    x = process.b(number(1.0)) * y + process.s(number(1.0)) * noise[0]  # no share of x0

    def generator(x: Tensor, t: float, y: Tensor | None, last: Tensor) -> Tensor:
        assert y is not None
        return 0.25 * x + 0.5 * y + 0.1 * last

    denoise = SelfConsistent(generator, rounds=2, tol=0.01, as_coded=True)
    plan = ancestral().plan(process.coded(), [i / 10 for i in range(10, -1, -1)])
    return worst(
        run_plan(denoise, x, plan, y=y, draw=lambda k: noise[k]), data["toy_sample_x0_seed13"]
    )


def _lefusion(kind: str) -> float:
    """RePaint's walk over 20 indices, 5 up and 2 times; lesions of EMIDEC have a channel each."""
    data, process, first = load("lefusion"), cosine(20, 0.9999), 0
    label = tensor(data["emidec_label"])
    if kind == "lidc":
        mask, known, x = (tensor(data[k]) for k in ("mask", "x0", "repaint_step_xt"))
        key, seed = "repaint_loop_T20_seed77", 77
    else:
        known, x = tensor(data["emidec_x0"]), tensor(data["emidec_loop_T20_seed79_noise"])
        mask = torch.logical_or(label == 3, label == 4).double()
        key, seed, first = "emidec_loop_T20_seed79", 79, 1  # the start was the first draw
    travel = TimeTravel(mask, known, jump=5, times=2, composite=False)
    plan = travel.plan(process, [i / 20 for i in range(20, -1, -1)])
    noise = drawn(seed, x.shape, first + len(plan), torch.float32)[first:]
    denoise = External(functools.partial(noise_net, steps=20), process, "eps", clip=1.0)
    out = run_plan(denoise, x, plan, draw=lambda k: noise[k - 1])
    if kind == "emidec":
        out = torch.where(label == 4, out[:, 1:], out[:, :1])
    return worst(out, data[key])


def cases() -> Iterator[Case]:
    """All cases of this file."""
    if not _same_stream():
        return
    yield Case("SelfRDB sample", "SelfRDB 6262ede sample_x0", 1e-5, _selfrdb)
    for kind in ("lidc", "emidec"):
        error = functools.partial(_lefusion, kind)
        source = "LeFusion eaf2aa2 p_sample_loop_repaint"
        yield Case(f"LeFusion loop {kind}", source, 1e-5, error)

"""The eight processes on which solvers are measured, regular grids on them, equality of plans."""

import functools
import math
from collections.abc import Sequence

import pytest
import torch
from oracles import EVERY

from undrift.common.processes import Process
from undrift.common.processes.ouve import OUVE
from undrift.common.processes.process import time_of_angle
from undrift.common.processes.schroedinger_bridge import SchroedingerBridge
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solvers import Step

MEASURED: dict[str, Process] = {
    **EVERY,
    "VE": VarianceExploding(),
    "OUVE": OUVE(),
    "SB-VE": SchroedingerBridge(),
}


@functools.cache
def regular(process: Process, n: int) -> tuple[float, ...]:
    """n steps between s/a = 3 and .1, equal in ln(s/a): no singular end."""
    ratios = torch.exp(torch.linspace(math.log(3.0), math.log(0.1), n + 1, dtype=torch.float64))
    return tuple(time_of_angle(process, torch.atan(ratios), 1.0).tolist())


def close(left: Sequence[Step], right: Sequence[Step], tolerance: float = 1e-11) -> None:
    """The same plan."""
    for mine, other in zip(left, right, strict=True):
        depth = max(mine.depth, other.depth)
        for part in ("A", "B"):
            rows = [list(getattr(step, part)) for step in (mine, other)]
            padded = [row + [0.0] * (depth - len(row)) for row in rows]
            assert padded[0] == pytest.approx(padded[1], rel=tolerance, abs=tolerance)
        assert pytest.approx(other.C, abs=tolerance) == mine.C
        assert mine.sigma == pytest.approx(other.sigma, abs=tolerance)

"""What a parity case is: an official trajectory, our run of it, and the tolerance it must meet.

The official programs ran with small closed-form functions in place of their networks and with
stored noise in place of their random numbers (`tests/reference/README.md`), so that every step of
ours can be compared with every step of theirs. A file `*_cases.py` beside this one has a function
`cases`, and if it must a table `UNREAD`; both are found by name. Every array of a reference file
has to be read by some case: `load` keeps the list.
"""

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.processes import Process
from undrift.common.solvers import Solver
from undrift.common.solvers.loop import Denoise, run_plan

REFERENCE = Path(__file__).parents[1] / "reference"
READ: set[tuple[str, str]] = set()  # (file, array) of every array that a case looked at


@dataclass(frozen=True)
class Case:
    """name: what is compared; source: repository and function; error: largest difference.

    process: name of ours in the table of results; without one the first word of `source`.
    """

    name: str
    source: str
    tolerance: float
    error: Callable[[], float]
    process: str = ""

    @property
    def group(self) -> str:
        """The process, or else the official program."""
        return self.process or self.source.split()[0]

    @property
    def program(self) -> str:
        """The source up to its version, without the function."""
        words = self.source.split()
        numbered = (k for k, word in enumerate(words) if k and any(map(str.isdigit, word)))
        return " ".join(words[: next(numbered, 0) + 1])


class Arrays(dict[str, np.ndarray]):
    """The arrays of one file; each one taken by name is noted in `READ`."""

    def __init__(self, file: str, arrays: dict[str, np.ndarray]):
        super().__init__(arrays)
        self.file = file

    def __getitem__(self, key: str) -> np.ndarray:
        READ.add((self.file, key))
        return super().__getitem__(key)


@functools.cache
def load(name: str) -> Arrays:
    """Arrays of a reference file."""
    with np.load(REFERENCE / f"{name}.npz") as data:
        return Arrays(name, dict(data))


def modules() -> Iterator[ModuleType]:
    """Every `*_cases.py` of this folder."""
    for path in sorted(Path(__file__).parent.glob("*_cases.py")):
        yield importlib.import_module(f"parity.{path.stem}")


def every_case() -> list[Case]:
    """The cases of all files."""
    return [case for module in modules() for case in module.cases()]


def unread() -> dict[str, dict[str, str]]:
    """File -> pattern of array names -> why no case reads them, from all files."""
    table: dict[str, dict[str, str]] = {}
    for module in modules():
        for file, patterns in getattr(module, "UNREAD", {}).items():
            table.setdefault(file, {}).update(patterns)
    return table


def tensor(array: np.ndarray) -> Tensor:
    """float64 tensor."""
    return torch.from_numpy(np.array(array, dtype=np.float64))


def drawn(seed: int, shape: Sequence[int], count: int, dtype: torch.dtype) -> list[Tensor]:
    """Draws of torch's seeded stream on the processor, in float64 or complex128.

    Some runs stored a seed and no noise, or only the first draws. Another release of torch may
    have another stream: whoever calls compares a stored draw.
    """
    generator = torch.Generator().manual_seed(seed)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    return [torch.randn(*shape, generator=generator, dtype=dtype).to(wide) for _ in range(count)]


def _pair(ours: Sequence[Tensor] | Tensor, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stacked = ours if isinstance(ours, Tensor) else torch.stack(list(ours))
    theirs = np.asarray(theirs, dtype=np.float64)
    if stacked.shape != theirs.shape:
        raise ValueError(f"shapes differ: {tuple(stacked.shape)}, {theirs.shape}")
    return stacked.numpy(), theirs


def worst(ours: Sequence[Tensor] | Tensor, theirs: np.ndarray) -> float:
    """Largest difference, relative to the largest value of theirs where that exceeds 1."""
    mine, theirs = _pair(ours, theirs)
    return _number(np.abs(mine - theirs).max() / max(1.0, np.abs(theirs).max()))


def relative(ours: Sequence[Tensor] | Tensor, theirs: np.ndarray) -> float:
    """Largest difference in units of each value, or of a thousandth of the largest if greater."""
    mine, theirs = _pair(ours, theirs)
    unit = np.maximum(np.abs(theirs), 1e-3 * np.abs(theirs).max())
    return _number((np.abs(mine - theirs) / np.where(unit > 0, unit, 1.0)).max())


def _number(error: float) -> float:
    """The error; infinite if it is not a number, which `max` would lose."""
    return float(np.nan_to_num(error, nan=np.inf))


def states(
    denoise: Denoise,
    process: Process,
    solver: Solver,
    times: Sequence[float],
    x: Tensor,
    y: Tensor | None,
    noise: Tensor,
) -> tuple[list[Tensor], list[Tensor]]:
    """Every state, the start first, and every estimate; draw k takes entry k - 1 of the noise."""
    found, estimates = [x], []

    def watch(number: int, x: Tensor, estimate: Estimate) -> None:
        found.append(x)
        estimates.append(estimate.x0)

    plan = solver.plan(process, times)
    run_plan(denoise, x, plan, y=y, draw=lambda k: noise[k - 1], watch=watch)
    return found, estimates

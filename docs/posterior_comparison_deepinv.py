"""The samplers of deepinv 0.5 for `docs/posterior_comparison.py`, each with a budget of calls.

A plan (`Plan`) is a label, a number of network calls, and what a method leaves free. Grids are
those that the library offers: uniform in the time of its VP and VE processes. An ancestral solver
that ends at t = 0 calls the network once a step; Euler and Heun end at t = .001 and are followed by
one denoising call; Heun calls twice a step. The start is drawn, not computed from a
pseudo-inverse: `x_init` is a shape.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.processes.variance_exploding import VarianceExploding


def declare_missing_operators() -> None:
    """Lets torchvision import beside a torch for which its binary was not built.

    deepinv imports it for data sets and transforms that are not used here.
    """
    try:
        import torchvision  # type: ignore[import-not-found]  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)


HIGHEST = 1000.0  # noise that the clock of the shared denoiser reaches
_KEPT: list[Any] = []  # a library forgets its operators when it is collected


def wrapped(denoiser: Denoiser) -> Any:
    """D(x, sigma) as a deepinv Denoiser: x (1, c, h, w) = x0 + sigma eps, values in [0, 1].

    The same network at the same angle, on the process that deepinv's contract means: a = 1.
    """
    from deepinv.models import Denoiser as Base  # type: ignore[import-not-found]

    process = VarianceExploding(high=HIGHEST, law="linear")
    inner = type(denoiser)(denoiser.network, process, denoiser.prediction, denoiser.scaling)

    class Shared(Base):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor, sigma: Any, **kwargs: Any) -> Tensor:
            level = float(torch.as_tensor(sigma).flatten()[0])
            return self.inner(x, level / HIGHEST).x0

    return Shared()


def sampled(
    denoiser: Any, fidelity: Any, calls: int, sde: str, solver: str, alpha: float = 1.0
) -> Any:
    """PosteriorDiffusion under a named process and solver, as a function of (y, physics, shape)."""
    from deepinv import sampling  # type: ignore[import-not-found]

    process = {
        "vp": sampling.VariancePreservingDiffusion,
        "ve": sampling.VarianceExplodingDiffusion,
    }[sde](alpha=alpha)
    rng = torch.Generator().manual_seed(0)
    exact_end = solver in ("ddpm", "ddim", "ancestral")
    steps = {"heun": calls // 2, "euler": calls}.get(solver, calls + 1)
    steps += solver == "heun"  # the last of the even number of calls is then left for the end
    kind = {
        "ddpm": sampling.DDPMSolver, "ddim": sampling.DDIMSolver,
        "ancestral": sampling.AncestralSolver, "euler": sampling.EulerSolver,
        "heun": sampling.HeunSolver,
    }[solver]  # fmt: skip
    times = torch.linspace(1, 0.0 if exact_end else 0.001, steps, dtype=torch.float64)
    model = sampling.PosteriorDiffusion(
        data_fidelity=fidelity, denoiser=denoiser, sde=process, solver=kind(times, rng=rng)
    )
    return lambda y, physics, shape: model(
        y, physics, x_init=shape, denoise_output=solver != "heun"
    )


def plan(denoiser: Any, method: str, calls: int, options: dict[str, Any]) -> Any:
    """A function of (y, physics, shape of x) -> x. Raises KeyError for an unknown method."""
    from deepinv import sampling

    free = dict(options)
    if method in ("diffpir", "ddrm", "dpir"):
        return _ALONE[method](denoiser, calls, free)
    route = {key: free.pop(key) for key in ("sde", "solver", "alpha") if key in free}
    fidelity = {
        "dps": lambda: sampling.DPSDataFidelity(denoiser=denoiser, **free),
        "pigdm": lambda: sampling.PiGDMDataFidelity(denoiser=denoiser, **free),
        "moment-matching": lambda: sampling.MomentMatchingDataFidelity(denoiser=denoiser, **free),
        "ald": lambda: sampling.ALDDataFidelity(**free),
        "score-sde": lambda: sampling.ScoreSDEDataFidelity(**free),
    }[method]()
    return sampled(denoiser, fidelity, calls, **route)


def _diffpir(denoiser: Any, calls: int, free: dict[str, Any]) -> Any:
    from deepinv.optim.data_fidelity import L2  # type: ignore[import-not-found]
    from deepinv.sampling import DiffPIR

    sigma = free.pop("sigma")
    model = DiffPIR(denoiser, data_fidelity=L2(), max_iter=calls, sigma=sigma, **free)
    return lambda y, physics, shape: model(y, physics, seed=1)


def _ddrm(denoiser: Any, calls: int, free: dict[str, Any]) -> Any:
    from deepinv.sampling import DDRM

    model = DDRM(denoiser, sigmas=np.linspace(1, 0, calls), **free)
    return lambda y, physics, shape: model(y, physics, seed=1)


def _dpir(denoiser: Any, calls: int, free: dict[str, Any]) -> Any:
    from deepinv.optim import DPIR

    model = DPIR(sigma=free.pop("sigma"), denoiser=denoiser, **free)
    return lambda y, physics, shape: model(y, physics)


_ALONE = {"diffpir": _diffpir, "ddrm": _ddrm, "dpir": _dpir}

"""DDNM: exact and noisy measurements, with time travel, and the path without an SVD, by step."""

import functools
from collections.abc import Callable, Iterator

import torch
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import Seen, excused, names, numbered, times
from parity.posterior_standins import operator, prior
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.operators.diagonal import Identity, Mask
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.matrix import Matrix
from undrift.common.operators.svd import SVD
from undrift.common.posterior.ddnm import DDNMPlus, DDNMShift, travelled
from undrift.common.posterior.ddnm_official import OfficialDDNMPlus, OfficialSimplified
from undrift.common.solvers.travel import visits

ETA = 0.85
EXACT = names("ddnmrepo_*_s0_l*r*")
NOISY = [name for name in names("ddnmrepo_*_s0.*_l*r*") if "_deblur_" not in name]
SIMPLIFIED = names("ddnmrepo_simplified_*")
_OWN = "our own is used"
UNREAD = {
    **{
        name: excused(name, "net_calls", "perm", "sigma_y", "singulars", "V_matrix")
        | excused(name, "Apinv_matrix", reason=_OWN)
        for name in EXACT
    },
    **{
        name: excused(name, "net_calls", "x_true", *(() if "_cs" in name else ("perm",)))
        | excused(name, "Apinv_matrix", reason=_OWN)
        for name in NOISY
    },
    **{
        name: excused(name, "net_calls", *(() if "inpainting" in name else ("mask",)))
        | excused(name, "noise_0[12]*", reason="drawn in steps that use no noise")
        for name in SIMPLIFIED
    },
}  # fmt: skip


class Rotated(Matrix):
    """A matrix with the official right singular vectors, in their order."""

    def __init__(self, data: Arrays):
        super().__init__(tensor(data["A_matrix"]), (3, 8, 8))
        self.right, self.values = tensor(data["V_matrix"]), tensor(data["singulars"])

    def _svd(self) -> SVD:
        rank, gap = len(self.values), len(self.right) - len(self.values)
        left = self.matrix @ self.right[:, :rank] / self.values
        return SVD(
            functional.pad(self.values, (0, gap)),
            lambda x: x.flatten(1) @ self.right,
            lambda z: (z @ self.right.T).reshape(-1, *self.shape_in),
            lambda y: functional.pad(y @ left, (0, gap)),
            lambda z: z[:, :rank] @ left.T,
        )


def _walk(name: str) -> tuple[int, int]:
    """Travel length and repeat, of a name that ends in l1r1."""
    length, repeat = name.rsplit("_l", 1)[1].split("r")
    return int(length), int(repeat)


def _exact(name: str) -> float:
    data = load(name)
    denoise = prior(data)
    seen = Seen(denoise, denoise.process)
    method = DDNMShift(
        seen, seen.process, operator(data), tensor(data["y"]), 0.0, eta=float(data["eta"])
    )
    grid = sorted({t for t in times(data["traj_t"])}, reverse=True)
    found = [tensor(data["noise_000"])]
    draw = numbered(data)
    asked: list[Tensor] = []  # the states that the network saw

    def watch(x: Tensor, estimate: Estimate | None) -> None:
        if estimate is not None:
            asked.append(found[-1])
        found.append(x)

    travelled(method, grid, found[0], draw, *_walk(name), watch=watch)
    return max(
        worst(asked, data["traj_net_in"]), worst(found[-1], data["final"]),
        worst(seen.estimates[-1], data["last_x0"]),
    )  # fmt: skip


def _patches(x: Tensor, ratio: int = 2) -> Tensor:
    """Pixels as the averages' coordinates: the first of every patch, then the others."""
    split = x.unfold(2, ratio, ratio).unfold(3, ratio, ratio).flatten(4)
    split = split.reshape(len(x), -1, ratio**2)
    return torch.cat([split[..., 0], split[..., 1:].flatten(1)], 1)


def _pixels(x: Tensor) -> Tensor:
    return x.flatten(1)


def _layout(data: Arrays, name: str) -> Callable[[Tensor], Tensor] | None:
    """How the code lines up pixels with singular values; none where it is as it should be."""
    task = name.split("_")[1]
    if task.startswith("sr"):
        return functools.partial(_patches, ratio=int(task[2:]))
    if task.startswith("cs"):
        order = torch.from_numpy(data["perm"]).long()
        return lambda x: x.flatten(2)[:, :, order].transpose(1, 2).flatten(1)
    return _pixels if task == "color" else None


def _noisy(name: str) -> float:
    data = load(name)
    denoise, look = prior(data), Rotated(data)
    sigma, draw, layout = float(data["sigma_y"]), numbered(data), _layout(data, name)
    shared = denoise, denoise.process, look, tensor(data["y"]), sigma
    eta = float(data["eta"])
    plus = DDNMPlus(*shared, eta=eta)
    method = plus if layout is None else OfficialDDNMPlus(*shared, eta=eta, layout=layout)
    grid = sorted({t for t in times(data["traj_t"])}, reverse=True)
    walk = visits(len(grid), *_walk(name))

    def drawn(k: int) -> Tensor:
        """In coordinates; their code does not rotate the draws of a step down."""
        up = walk[k] > walk[k - 1]
        rotated = draw(k).flatten(1) @ look.right
        return rotated if up or layout is None else layout(draw(k))

    found, asked, clean = [tensor(data["noise_000"])], [], []

    def watch(x: Tensor, estimate: Estimate | None) -> None:
        if estimate is not None:
            asked.append(found[-1])
            clean.append(estimate.x0)
        found.append(x)

    travelled(method, grid, found[0], drawn, *_walk(name), watch=watch)
    return max(
        worst(asked, data["traj_net_in"]), worst(found[-1], data["final"]),
        worst(clean[-1], data["last_x0"]),
    )  # fmt: skip


def _task(data: Arrays, name: str) -> LinearOperator:
    """Their operators of the path without an SVD, from pictures to pictures."""
    if "inpainting" in name:
        return Mask(tensor(data["mask"]), (3, 8, 8))
    if "denoising" in name:
        return Identity((3, 8, 8))
    mean = torch.kron(torch.full((3, 3), 1 / 3, dtype=torch.float64), torch.eye(64).double())
    return Matrix(mean, (3, 8, 8), (3, 8, 8))


def _simplified(name: str) -> float:
    data = load(name)
    denoise, look = prior(data), _task(data, name)
    sigma = float(data["sigma_y_scaled"])
    seen = look(tensor(data["x_true"]))  # to which they add no noise
    eta = float(data["eta"]) if "eta" in data else ETA
    method = OfficialSimplified(denoise, denoise.process, look, seen, sigma, eta=eta)
    plan = method.plan([*times(data["traj_t"]), 0.0])
    found = [tensor(data["noise_000"])]
    method.run(found[0], plan, draw=numbered(data), watch=lambda _, x, e: found.append(x))
    return max(worst(found[:-1], data["traj_net_in"]), worst(found[-1][0], data["final"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    source = "DDNM 00b58ea functions/svd_ddnm.py"
    for name in EXACT:
        yield Case(name, source, 2e-5, functools.partial(_exact, name), "DDNM")
    for name in NOISY:
        yield Case(name, source, 2e-5, functools.partial(_noisy, name), "DDNM+")
    source = "DDNM 00b58ea guided_diffusion/diffusion.py"
    for name in SIMPLIFIED:
        yield Case(name, source, 2e-5, functools.partial(_simplified, name), "DDNM")

"""What `undrift.solve` found, as a `Restored`: values, spread, misfit, and how they came to be."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undrift.common.posterior.choice import Choice
from undrift.common.posterior.problem import Problem
from undrift.common.results import Restored
from undrift.common.solve_files import write_signal
from undrift.common.solve_inputs import Given

GOOD_CHI = (0.8, 1.25)  # outside of it a result says so


@dataclass(frozen=True)
class Setting:
    """What all items of a call share. memory: bytes for activations."""

    samples: int
    seed: int
    item: str
    device: str
    dtype: torch.dtype
    memory: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of one item: samples (k, c, *space), residual (*shape_out) of their mean, chi (k,)."""

    problem: Problem
    choice: Choice
    samples: Tensor
    residual: Tensor
    chi: Tensor | None
    forward: int
    backward: int


def restored(
    given: Given, outcomes: list[Outcome], setting: Setting, batched: bool, seconds: float
) -> Restored:
    """Joins the items; `.value` is the mean of the samples, of the kind that came."""
    first, several = outcomes[0], setting.samples > 1
    joined = torch.stack([one.samples for one in outcomes], 1)  # (k, b, c, *space)
    residual = torch.stack([one.residual for one in outcomes])
    if not batched:
        joined, residual = joined[:, 0], residual[0]
    return Restored(
        value=given.back(joined.mean(0)),
        std=given.back(joined.std(0)) if several else None,
        samples=tuple(given.back(one) for one in joined) if several else (),
        residual=given.back(residual),
        info={**_choice_of(first), **_fit_of(outcomes), **_setting_of(setting, seconds)},
        writer=write_signal,
    )


def _choice_of(one: Outcome) -> dict[str, Any]:
    import undrift

    choice, problem = one.choice, one.problem
    return {
        "task": "solve",
        "undrift": undrift.__version__,
        "torch": torch.__version__,
        "model": problem.prior.name,
        "weights": problem.prior.sha256,
        "operator": repr(problem.operator),
        "noise": repr(problem.noise),
        "method": choice.name,
        "why": choice.why,
        "options": {k: v for k, v in choice.options.items() if not callable(v)},
        "solver": choice.solver,
        "grid": choice.grid,
        "steps": choice.steps,
        "temperature": choice.temperature,
    }


def _fit_of(outcomes: list[Outcome]) -> dict[str, Any]:
    """Calls, misfit and warnings."""
    chis = [c for one in outcomes if one.chi is not None for c in one.chi.tolist()]
    chi = (sum(c**2 for c in chis) / len(chis)) ** 0.5 if chis else None
    rms = torch.stack([one.residual.abs().square().mean() for one in outcomes]).mean().sqrt()
    return {
        "nfe": sum(one.forward for one in outcomes),
        "products": sum(one.backward for one in outcomes),
        "chi": None if chi is None else round(chi, 4),
        "chi_samples": tuple(round(c, 4) for c in chis),
        "residual_rms": float(rms),
        "warnings": _misfits(chi, outcomes[0].choice.temperature < 1),
    }


def _misfits(chi: float | None, cooled: bool) -> list[str]:
    """What a chi outside of `GOOD_CHI` means; cooled: one value, drawn near to the mean."""
    if chi is None or GOOD_CHI[0] <= chi <= GOOD_CHI[1]:
        return []
    if chi < GOOD_CHI[0]:
        why = "; a value near the mean may, samples=4 shows samples" if cooled else ""
        return [
            f"chi is {chi:.3g}, below {GOOD_CHI[0]:g}: the result follows the measurement more "
            f"closely than its noise allows{why}; is the noise less than stated?"
        ]
    return [
        f"chi is {chi:.3g}, above {GOOD_CHI[1]:g}: the result does not explain the measurement; "
        "are operator and noise those of the data? take more steps or another method"
    ]


def _setting_of(setting: Setting, seconds: float) -> dict[str, Any]:
    return {
        "samples": setting.samples,
        "seed": setting.seed,
        "item": setting.item,
        "device": setting.device,
        "dtype": str(setting.dtype).removeprefix("torch."),
        "seconds": round(seconds, 3),
    }

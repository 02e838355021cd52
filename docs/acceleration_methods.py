"""What `docs/acceleration.py` measures: each method as a function of a problem.

A method returns the state after its last step and how many pictures went through the network.
"""

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
from acceleration_problems import SCALE, Problem, like
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.devices import run_as
from undrift.common.guidance import Extrapolated, Stop, more_similar_than
from undrift.common.networks.caching import deep_cached, encoder_cached
from undrift.common.networks.feature_cache import FeatureCache, Stepping
from undrift.common.networks.perturbed import perturbed
from undrift.common.quantise import dequantised, quantised
from undrift.common.rewards import run_rewarded
from undrift.common.solvers.plan import calls
from undrift.common.streaming import Stream
from undrift.common.weights.model import load_model
from undrift.restoration.degrade import downscale, quantise

Method = Callable[[Problem], tuple[Tensor, int]]


def plain(problem: Problem) -> tuple[Tensor, int]:
    """The model as it is."""
    return problem.run(problem.denoiser), calls(problem.steps)


def fewer(count: int) -> Method:
    """The model with a plan of fewer calls: what the same time buys without any method."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        return problem.with_calls(count).run(problem.denoiser), count

    return run


def averaged(count: int) -> Method:
    """The mean of so many samples: what a multiple of the time buys without any method."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        runs = [problem.again(k) for k in range(count)]
        total = torch.stack([other.run(other.denoiser) for other in runs])
        return total.mean(0), count * calls(problem.steps)

    return run


def cached(interval: int, outer: int | None) -> Method:
    """DeepCache with so many outer levels, or encoder propagation for None."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        cache = FeatureCache(problem.steps, interval)
        network = problem.denoiser.network
        twin = (
            encoder_cached(network, cache) if outer is None else deep_cached(network, cache, outer)
        )
        denoise = Stepping(problem.denoiser.with_network(twin), cache)
        return problem.run(denoise), calls(problem.steps)

    return run


def guided(
    problem: Problem, weak: Denoiser, weight: float, stop: Stop | None
) -> tuple[Tensor, int]:
    """Towards the problem's denoiser, away from the weak one, which needs no level."""
    levels = getattr(weak.network, "embed").levels  # noqa: B009
    guide = Extrapolated(
        problem.denoiser,
        lambda x, t, y, level: weak(x, t, y, level if levels else None),
        weight,
        stop,
    )
    return problem.run(guide), guide.strong_calls + guide.weak_calls


def from_prior(weight: float, similarity: float | None = None) -> Method:
    """leaves-sr against leaves-denoise on the same process: a picture prior that ignores y."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        process = problem.denoiser.process
        prior = load_model("leaves-denoise").denoiser.with_process(process)
        weak = like(prior, problem.x.shape[1])
        return guided(problem, weak, weight, _stop(similarity))

    return run


def from_blind(weight: float, pattern: str, similarity: float | None = None) -> Method:
    """Perturbed: the weak one is the model with the named layers blind to their surroundings."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        weak = problem.denoiser.with_network(_blind(problem.denoiser.network, pattern))
        return guided(problem, weak, weight, _stop(similarity))

    return run


def _stop(similarity: float | None) -> Stop | None:
    return None if similarity is None else more_similar_than(similarity)


@functools.lru_cache
def _blind(network: nn.Module, pattern: str) -> nn.Module:
    return perturbed(network, [pattern])


def rewarded(candidates: int) -> Method:
    """SVDD: the candidate whose reduction, rounded to 8 bits, is nearest to the picture given."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        seen = 0

        def reward(x0: Tensor) -> Tensor:
            rest = quantise(downscale(x0, SCALE)) - problem.given
            return -rest.square().flatten(1).mean(1)

        def denoise(x: Tensor, *given: Any) -> Estimate:
            nonlocal seen
            seen += len(x)
            return problem.denoiser(x, *given)

        x = run_rewarded(
            denoise, problem.x, problem.steps, reward, candidates=candidates,
            draw=problem.draw, y=problem.y, level=problem.level,
        )  # fmt: skip
        return x, seen

    return run


def with_network(change: Callable[[nn.Module], nn.Module]) -> Method:
    """The plain run on a changed network."""

    def run(problem: Problem) -> tuple[Tensor, int]:
        denoiser = problem.denoiser.with_network(change(problem.denoiser.network))
        return problem.run(denoiser), calls(problem.steps)

    return run


@functools.lru_cache
def in_way(network: nn.Module, way: str) -> nn.Module:
    """One of `devices.WAYS`."""
    return run_as(network, way, "cpu")


@functools.lru_cache
def in_eight_bits(network: nn.Module) -> nn.Module:
    """Its weights rounded to int8 and back, in the layout they had."""
    twin = copy.deepcopy(network)
    twin.load_state_dict(dequantised(quantised(network.state_dict())))
    return twin


def contiguous(network: nn.Module) -> nn.Module:
    """Not channels-last, which is the default on a processor."""
    return in_way(network, "contiguous")


def compiled(network: nn.Module) -> nn.Module:
    """By torch.compile."""
    return in_way(network, "compiled")


def as_stream(problems: list[Problem]) -> list[Tensor]:
    """All pictures as the frames of a stream."""
    stream = Stream(problems[0].denoiser, problems[0].steps)
    done = [stream.push(p.x, y=p.y, level=p.level, draw=p.draw) for p in problems]
    return [x for x in done if x is not None] + list(stream.flush())

"""Moves that undo themselves, and what they make of a denoiser that knows no symmetry."""

import math

import pytest
import torch

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.noise import Noise
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.moved import MOVES, Move, Moved, read_moves
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solve import solve

NOISE = Noise(3, "item")


def test_a_move_is_undone() -> None:
    x = torch.randn(1, 2, 5, 7, 4, generator=torch.Generator().manual_seed(0)).double()
    move = Move((1, 0, 2), (0, 2), (3, 0, 1), complex(math.cos(0.7), math.sin(0.7)), True)
    moved = move.apply(x)
    assert moved.shape == (1, 2, 10, 5, 5)
    torch.testing.assert_close(move.undo(moved), x, atol=1e-14, rtol=0)
    # by hand: axes change places, the first and the last turn round, the phase turns, conjugation
    z = torch.complex(x[:, 0], x[:, 1]).transpose(1, 2).flip((1, 3)) * move.turn  # type: ignore[operator]
    inner = moved[:, :, 3:, :, 1:]
    torch.testing.assert_close(
        torch.complex(inner[:, 0], inner[:, 1]), z.conj(), atol=1e-14, rtol=0
    )


@pytest.mark.parametrize(
    ("moves", "orbit"),
    [
        (("mirror",), 2),
        (("flips",), 8),
        (("turns",), 2),
        (("turns", "flips"), 16),
        (("shifts",), 8),
    ],
)
def test_many_calls_meet_every_move(moves: tuple[str, ...], orbit: int) -> None:
    x = torch.arange(4 * 4 * 4.0).reshape(1, 1, 4, 4, 4)
    seen = set()

    def watched(x: torch.Tensor, t: float, y: object, level: object) -> Estimate:
        seen.add((tuple(x.shape), tuple(x.flatten().tolist())))
        return Estimate(x)

    denoise = Moved(watched, moves, NOISE, multiple=2)
    for _ in range(200):
        torch.testing.assert_close(denoise(x, 0.5).x0, x, atol=0, rtol=0)
    assert len(seen) == orbit


def test_the_mean_of_calls_is_the_mean_of_the_group() -> None:
    x = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(1)).double()
    ramp = torch.linspace(-1, 1, 4).double()

    def tilted(x: torch.Tensor, t: float, y: object, level: object) -> Estimate:
        """Knows which way is up: the identity and a ramp along the first axis, in the real part."""
        return Estimate(x + torch.stack([ramp[:, None].expand(4, 4), torch.zeros(4, 4)])[None])

    denoise = Moved(tilted, ("mirror",), NOISE)
    found = torch.stack([denoise(x, 0.5).x0 for _ in range(100)])
    # the ramp is odd, its mean over x and mirrored x 0: a hundred signs, five of their deviations
    assert float((found.mean(0) - x).abs().max()) < 5 / 100**0.5
    assert float((found[0] - x).abs().max()) == pytest.approx(1.0)


def test_calls_are_a_function_of_the_noise() -> None:
    x = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(2))

    def calls(noise: Noise) -> list[float]:
        denoise = Moved(lambda x, t, y, level: Estimate(x.cumsum(2)), MOVES, noise, 4)
        return [float(denoise(x, 0.5).x0.sum()) for _ in range(6)]

    assert calls(NOISE) == calls(Noise(3, "item"))
    assert calls(NOISE) != calls(Noise(4, "item"))


def test_an_exact_prior_does_not_mind() -> None:
    path = VarianceExploding()

    def denoise(x: torch.Tensor, t: float, y: object, level: object) -> Estimate:
        """Exact for N(0, .09 I), which every move keeps."""
        s = float(path.s(torch.tensor(t, dtype=torch.float64)))
        return Estimate(0.09 * x / (0.09 + s**2))

    matrix = torch.randn(20, 32, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def solved(moves: str) -> torch.Tensor:
        return solve(
            torch.ones(20, dtype=torch.float64), Matrix(matrix, (2, 4, 4)), (denoise, path),
            noise=0.1, method="half-quadratic", options={"moves": moves},
        ).value  # fmt: skip

    torch.testing.assert_close(solved("shifts+flips+turns+phases"), solved(""), atol=1e-5, rtol=0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="'turn' is not one of shifts, mirror"):
        read_moves("shifts+turn")
    with pytest.raises(UsageError, match=r"phases are of signals \(re, im\), two channels; got 3"):
        Moved(lambda x, t, y, level: Estimate(x), ("phases",), NOISE)(torch.zeros(1, 3, 4, 4), 0.5)

"""Chunks with joins: exact where the chunks agree, weights that add up to one, no tail lost."""

import pytest
import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.noise import Noise
from undrift.speech.chunks import Chunked


def run(chunked: Chunked, frames: Tensor, size: int) -> Tensor:
    made = [chunked.push(block) for block in frames.split(size, -1)]
    return torch.cat([*made, chunked.finish()], -1)


def signal(count: int) -> Tensor:
    return torch.randn(1, 2, 3, count, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("count", [1, 9, 10, 11, 17, 18, 24, 25, 26, 100])
@pytest.mark.parametrize("size", [1, 4, 7, 200])
def test_what_is_done_frame_by_frame_does_not_see_the_chunks(count: int, size: int) -> None:
    frames = signal(count)
    out = run(Chunked(lambda y, _: 2 * y.clone(), 10, 3), frames, size)
    torch.testing.assert_close(out, 2 * frames, rtol=0, atol=1e-6)


def test_every_chunk_is_whole_and_the_last_one_ends_with_the_signal() -> None:
    seen: list[tuple[int, int]] = []

    def enhance(y: Tensor, first: int) -> Tensor:
        seen.append((first, y.shape[-1]))
        return y

    run(Chunked(enhance, 10, 3), signal(26), 5)
    assert seen == [(0, 10), (7, 10), (14, 10), (16, 10)]
    seen.clear()
    run(Chunked(enhance, 10, 3), signal(24), 5)
    assert seen == [(0, 10), (7, 10), (14, 10)]
    seen.clear()
    run(Chunked(enhance, 10, 3), signal(6), 5)
    assert seen == [(0, 6)]


def test_joins_have_equal_gain() -> None:
    """Chunks that return their own number: in a join the weights are sin^2 and its complement."""
    out = run(
        Chunked(lambda y, first: torch.full_like(y, 1.0 if first else 0.0), 10, 4), signal(16), 16
    )[0, 0, 0]
    rise = torch.sin(torch.pi / 8 * (torch.arange(4) + 0.5)) ** 2
    torch.testing.assert_close(out, torch.cat([torch.zeros(6), rise, torch.ones(6)]))


def test_noise_by_absolute_frame_is_the_same_on_both_sides_of_a_join() -> None:
    noise = Noise(3, "a")

    def enhance(y: Tensor, first: int) -> Tensor:
        return y + noise(tuple(y.shape), 1, (0, first))

    frames = signal(40)
    truth = frames + noise(tuple(frames.shape), 1)
    for length, overlap in ((10, 3), (16, 8), (40, 0), (100, 5)):
        out = run(Chunked(enhance, length, overlap), frames, 6)
        torch.testing.assert_close(out, truth, rtol=0, atol=1e-6)


def test_an_overlap_as_long_as_the_chunk_is_an_error() -> None:
    with pytest.raises(UsageError, match="shorter than a chunk"):
        Chunked(lambda y, _: y, 8, 8)

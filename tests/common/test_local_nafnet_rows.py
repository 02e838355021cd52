"""Rows pushed through a network one after another: what the network says of the whole picture."""

from typing import Any

import pytest
import torch
from nafnets import SHAPES, inputs, network
from torch import Tensor

from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.local_nafnet_rows import NAFNetRows, line_elements
from undrift.common.networks.local_nafnet_turned import seeing_turned
from undrift.common.symmetry import ELEMENTS, turned_back


def streamed(made: LocalNAFNet, given: list[Any], rows: int) -> tuple[Tensor, list[int]]:
    """The rows that come out, and after each push how many have come so far."""
    x, psi, level = given
    stream, out, count = NAFNetRows(made, psi, level), [], []
    for top in range(0, x.shape[2], rows):
        out.extend(stream.push(x[:, :, top : top + rows], top + rows >= x.shape[2]))
        count.append(sum(part.shape[2] for part in out))
    return torch.cat(out, 2), count


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (131, 77)])
@pytest.mark.parametrize("blocks", [1, 3, 100])
def test_rows_are_those_of_the_whole(
    shape: dict[str, Any], size: tuple[int, int], blocks: int
) -> None:
    made = network(shape)
    given = inputs(made, shape, size)
    with torch.no_grad():
        want = made(*given)
        got, count = streamed(made, given, blocks * made.multiple)
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11 * float(want.abs().max()))
    assert want.abs().max() > 0.1
    for number, rows in enumerate(count[:-1], 1):  # no later than the reach
        assert rows >= number * blocks * made.multiple - made.reach


@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_rows_in_half_precision(shape: dict[str, Any]) -> None:
    """Every layer rounds the same numbers; sums of a product may be added up in another order."""
    made = network(shape).float()
    given = [None if v is None else v.float() for v in inputs(made, shape, (150, 61))]
    with torch.inference_mode():
        exact = made(*given)
        with torch.autocast("cpu", torch.bfloat16):
            want = made(*given)
            got, _ = streamed(made, given, 3 * made.multiple)
    assert got.dtype == want.dtype == torch.bfloat16
    rounding = float((want - exact).square().mean())
    assert float((got - want).float().square().mean()) < rounding


def test_a_picture_may_be_a_batch() -> None:
    made = network(SHAPES[1])
    x = torch.randn(3, 3, 90, 40, dtype=torch.float64)
    psi = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    with torch.no_grad():
        got, _ = streamed(made, [x, psi, None], 16)
        torch.testing.assert_close(got, made(x, psi))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_waits_does_not_grow_with_the_height(shape: dict[str, Any]) -> None:
    """All tensors that the lines hold: as many numbers as are told, however far the picture is."""
    made, width = network(shape), 48
    x, psi, level = inputs(made, shape, (2 * made.multiple, width))
    stream, held = NAFNetRows(made, psi, level), []
    with torch.no_grad():
        for _ in range(60):
            list(stream.push(x))
            held.append(sum(rows.numel() for rows in waiting(stream)))
    far = 2 + made.reach // made.multiple  # pushes, after which all lines are full
    assert len(set(held[far:])) == 1
    assert 0.8 * width * line_elements(made) < held[-1] < 1.2 * width * line_elements(made)
    assert 3 * 2 * made.reach < 60 * 2 * made.multiple  # it went on long after


def waiting(thing: Any) -> list[Tensor]:
    """The rows of all lines and queues below an object."""
    found, todo, seen = [], [thing], set()
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, torch.nn.Module):
            continue
        seen.add(id(item))
        if type(item).__name__ == "Line" and hasattr(item, "rows"):
            found.append(item.rows)
        elif type(item).__name__ == "Queue":
            found.extend(item.parts)
        elif isinstance(item, list | tuple):
            todo.extend(item)
        elif hasattr(item, "__dict__"):
            todo.extend(vars(item).values())
    return found


def test_errors() -> None:
    psi = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ValueError, match="periodic"):
        NAFNetRows(LocalNAFNet(periodic=True).double(), psi)
    made = network(SHAPES[1])
    with pytest.raises(ValueError, match="got 5 rows; expected a multiple of 8"):
        list(NAFNetRows(made, psi).push(torch.zeros(1, 3, 5, 16, dtype=torch.float64)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("turn", ELEMENTS)
def test_turned_kernels_for_turned_pictures(shape: dict[str, Any], turn: tuple[int, bool]) -> None:
    made = network(shape)
    before = [weight.clone() for weight in made.parameters()]
    x, psi, level = inputs(made, shape, (5 * made.multiple, 3 * made.multiple))
    turned = torch.rot90(x, turn[0], (-2, -1))
    turned = turned.flip(-1) if turn[1] else turned
    with torch.no_grad():
        want = turned_back(made(turned, psi, level), *turn)
        got = seeing_turned(made, turn)(x, psi, level)
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11 * float(want.abs().max()))
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))

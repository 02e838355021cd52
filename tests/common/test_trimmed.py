"""Networks for windows: the same where the window counts, and less work."""

from typing import Any

import pytest
import torch
from nafnets import SHAPES, inputs, network
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from undrift.common.networks.trimmed import trimmed


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cut", [(1, 1, 1, 1), (1, 0, 1, 0), (0, 0, 0, 1), (0, 1, 1, 0)])
def test_what_a_window_keeps_is_the_same(shape: dict[str, Any], cut: tuple[int, ...]) -> None:
    """Sides that are not cut need not be whole blocks; the reach of those that are is zero."""
    made = network(shape)
    block, reach = made.multiple, made.reach
    sides = [
        (4 + 2 * -(-reach // block)) * block - (0 if last else block // 2)
        for last in (cut[1], cut[3])
    ]
    given = inputs(made, shape, (sides[0], sides[1]))
    with torch.no_grad():
        want, got = made(*given), trimmed(made, [side > 0 for side in cut])(*given)
    rows, columns = (
        slice(reach * first, side - reach * last)
        for side, first, last in zip(sides, cut[::2], cut[1::2], strict=True)
    )
    torch.testing.assert_close(got[..., rows, columns], want[..., rows, columns], rtol=1e-11,
                               atol=1e-11)  # fmt: skip
    outside = got.clone()
    outside[..., rows, columns] = 0
    assert not outside.any()
    assert want.std() > 0.1


@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_work_spared(shape: dict[str, Any]) -> None:
    """At least two fifths of what the margins cost."""
    made = network(shape)
    kept = 10 * made.multiple
    side = kept + 2 * -(-made.reach // made.multiple) * made.multiple
    window, inner = (inputs(made, shape, (n, n)) for n in (side, kept))

    def work(which: nn.Module, given: list[Tensor | None]) -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            which(*given)
        return counter.get_total_flops()

    least = work(made, inner)
    assert work(trimmed(made, (True,) * 4), window) - least < 0.6 * (work(made, window) - least)


def test_networks_of_other_kinds_are_left_alone() -> None:
    made = network(SHAPES[2])
    other = nn.Identity()
    assert trimmed(other, (True,) * 4) is other
    assert trimmed(made, (False,) * 4) is made
    assert trimmed(trimmed(made, (True,) * 4), (False,) * 4) is made
    again = trimmed(trimmed(made, (True,) * 4), (True, False, False, False))
    assert getattr(again, "whole", None) is made

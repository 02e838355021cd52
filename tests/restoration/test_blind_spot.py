"""Blind-spot networks: no pixel sees itself, and the losses of C-BSN and SDAP by plain loops."""

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.networks.blind_spot import BlindSpotNetwork, from_parts, to_parts
from undrift.restoration.self_supervised.losses import c_bsn_loss, chosen, dealt, sdap_loss


def own_influence(network: BlindSpotNetwork, shape: tuple[int, ...], **call: bool) -> Tensor:
    """|d out(c', i, j) / d in(c, i, j)| for all pairs of channels, (c', c, h, w)."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def run(x: Tensor) -> Tensor:
        return network(x[None], **call)[0]

    jacobian = torch.autograd.functional.jacobian(run, x, vectorize=True)
    assert isinstance(jacobian, Tensor)
    assert float(jacobian.abs().max()) > 1e-9  # it sees something
    return torch.einsum("aijbij->abij", jacobian).abs()


def made(channels: int, **params: object) -> BlindSpotNetwork:
    """With positive weights: whatever a pixel sees shows, as nothing cancels or is rectified."""
    network = BlindSpotNetwork(channels, channels, width=4, depth=2, **params)  # type: ignore[arg-type]
    draw = torch.Generator().manual_seed(0)
    for values in network.parameters():
        values.data = torch.rand(values.shape, generator=draw) / values[0].numel()
    return network.double()


@pytest.mark.parametrize("dilation", [2, 3, 4, 5])
def test_no_pixel_sees_itself_at_any_dilation(dilation: int) -> None:
    network = made(1, dilations=(dilation,))
    assert float(own_influence(network, (1, 14, 15), blind=True).max()) == 0
    assert float(own_influence(network, (1, 14, 15), blind=False).min()) > 0


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_no_channel_of_a_pixel_sees_that_pixel(channels: int) -> None:
    assert float(own_influence(made(channels), (channels, 9, 8), blind=True).max()) == 0


@pytest.mark.parametrize("stride", [2, 3])
def test_as_it_is_used_by_sdap_no_pixel_sees_itself_though_sides_do_not_divide(stride: int) -> None:
    network = made(1, blind=True, stride=stride)
    assert float(own_influence(network, (1, 13, 17)).max()) == 0


def test_nothing_further_away_than_the_reach_is_seen() -> None:
    for again in (False, True):
        network = made(1, blind=True, stride=2, again=again)
        side = 2 * network.reach + 9
        x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
        middle = side // 2
        network(x)[0, 0, middle, middle].backward()
        assert x.grad is not None
        rows, columns = x.grad[0, 0].nonzero(as_tuple=True)
        far = int(torch.maximum((rows - middle).abs(), (columns - middle).abs()).max())
        assert network.reach - 2 <= far <= network.reach


def test_parts_are_every_stride_th_pixel() -> None:
    x = torch.randn(2, 3, 6, 9)
    parts = to_parts(x, 3)
    for i in range(3):
        for j in range(3):
            assert torch.equal(parts[2 * (3 * i + j) : 2 * (3 * i + j) + 2], x[:, :, i::3, j::3])
    assert torch.equal(from_parts(parts, 3), x)


def blind_rule(x: np.ndarray) -> np.ndarray:
    """A stand-in for a network, on (b, c, h, w): the mean of two neighbours."""
    return 0.4 * np.roll(x, 1, -1) + 0.5 * np.roll(x, 1, -2)


def open_rule(x: np.ndarray) -> np.ndarray:
    return 0.7 * x + 0.2 * np.roll(x, -1, -1) ** 2


def network_rule(x: Tensor, blind: bool) -> Tensor:
    return torch.from_numpy((blind_rule if blind else open_rule)(x.numpy()))


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_the_loss_of_c_bsn_by_loops(channels: int) -> None:
    rng = np.random.default_rng(channels)
    b, side, stride, ramp = 2, 10, 5, 0.3
    x = rng.standard_normal((b, channels, side, side))
    pick = rng.integers(4, size=(b, side // 2, side // 2))
    blind = np.zeros_like(x)
    for i in range(stride):
        for j in range(stride):
            blind[:, :, i::stride, j::stride] = blind_rule(x[:, :, i::stride, j::stride])
    seen = open_rule(x)
    small, seen_small = np.zeros((2, b, channels, side // 2, side // 2))
    for n in range(b):
        for i in range(side // 2):
            for j in range(side // 2):
                di, dj = divmod(int(pick[n, i, j]), 2)
                small[n, :, i, j] = x[n, :, 2 * i + di, 2 * j + dj]
                seen_small[n, :, i, j] = seen[n, :, 2 * i + di, 2 * j + dj]
    given = torch.from_numpy(x)
    torch.testing.assert_close(chosen(given, torch.from_numpy(pick)), torch.from_numpy(small))
    first = np.abs(blind - x).mean()
    told = np.abs(seen - x).mean() + 2 * np.abs(seen_small - blind_rule(small)).mean()
    for r, expected in ((0.0, first), (ramp, first + ramp * told)):
        found = c_bsn_loss(network_rule, given, torch.from_numpy(pick), stride, r)
        assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_the_loss_of_sdap_by_loops(channels: int) -> None:
    rng = np.random.default_rng(channels)
    b, side, s = 2, 15, 5
    x = rng.standard_normal((b, channels, side, side))
    order = rng.random((b, side // s, side // s, s * s)).argsort(-1)
    parts = np.zeros((s * s, b, channels, side // s, side // s))
    for n in range(b):
        for i in range(side // s):
            for j in range(side // s):
                for k, place in enumerate(order[n, i, j]):
                    row, column = divmod(int(place), s)
                    parts[k, n, :, i, j] = x[n, :, s * i + row, s * j + column]
    expected = sum(
        np.abs(blind_rule(parts[k]) - parts[(k + 1) % (s * s)]).mean() for k in range(s * s)
    )
    given = torch.from_numpy(x), torch.from_numpy(order)
    torch.testing.assert_close(dealt(*given), torch.from_numpy(parts))
    assert float(sdap_loss(network_rule, *given)) == pytest.approx(expected, rel=1e-12)


def test_the_open_network_is_taught_by_the_blind_one_and_not_the_other_way_round() -> None:
    """B(x) = p x and O(x) = q x: the stopped gradient leaves p to the blind term alone."""
    p, q = (torch.tensor(v, requires_grad=True) for v in (0.5, 0.8))
    x = torch.rand(1, 1, 10, 10) + 1
    pick = torch.zeros(1, 5, 5, dtype=torch.uint8)

    def network(x: Tensor, blind: bool) -> Tensor:
        return x * (p if blind else q)

    c_bsn_loss(network, x, pick, 5, 1.0).backward()
    small = x[:, :, ::2, ::2]
    assert p.grad is not None and q.grad is not None
    assert float(p.grad) == pytest.approx(-float(x.mean()), rel=1e-6)
    assert float(q.grad) == pytest.approx(float(2 * small.mean() - x.mean()), rel=1e-5)

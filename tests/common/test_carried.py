"""A causal network fed in blocks gives what it gives for the whole signal, whatever the blocks."""

import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.networks.band_unet import BandUNet
from undrift.common.networks.build import build_network
from undrift.common.networks.carried import CausalConv2d, State
from undrift.common.networks.turned import Turned


def small(ahead: int = 3, taps: int = 3, seed: int = 0) -> BandUNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BandUNet(
            bins=32, fold=2, widths=(8, 8, 16), dilations=(1, 2, 4), ahead=ahead, taps=taps
        ).double()
        for value in network.parameters():  # also the layers that begin at zero
            if value.ndim > 1:
                torch.nn.init.normal_(value, std=value[0].numel() ** -0.5)
    return network.eval()


def frames(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 32, count, generator=generator, dtype=torch.float64)


def in_blocks(network: BandUNet | Turned, x: torch.Tensor, ends: list[int]) -> torch.Tensor:
    state, psi, done = State(), torch.tensor([0.3, 1.2], dtype=torch.float64), []
    for first, last in zip([0, *ends], [*ends, x.shape[-1]], strict=True):
        done.append(network(x[..., first:last], psi, None, state))
    done.append(network(torch.zeros_like(x[..., : network.ahead]), psi, None, state))
    return torch.cat(done, -1)


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("ends", [[], [1, 2, 3, 30], [20], [2, 2, 39]])
def test_blocks_of_any_length_equal_the_whole(ahead: int, ends: list[int]) -> None:
    network, x = small(ahead), frames(40)
    psi = torch.tensor([0.3, 1.2], dtype=torch.float64)
    with torch.inference_mode():
        whole, blocks = network(x, psi), in_blocks(network, x, ends)
    assert whole.abs().max() > 0.1
    torch.testing.assert_close(blocks, whole, rtol=0, atol=1e-12)


def test_no_output_looks_further_ahead_than_it_says() -> None:
    network, x = small(ahead=3), frames(40)
    psi = torch.tensor([0.3, 1.2], dtype=torch.float64)
    later = x.clone()
    later[..., 24:] += 1
    with torch.inference_mode():
        change = (network(x, psi) - network(later, psi)).abs().amax((0, 1, 2))
    assert float(change[:21].max()) == 0  # frame 20 hears frame 23
    assert float(change[21]) > 1e-6


def test_the_head_can_filter_the_condition() -> None:
    """Gain 1 - 2i on the frame before: out[n] = (1 - 2i) y[n - 1], zero elsewhere."""
    network, x = small(), frames(12)
    torch.nn.init.zeros_(network.leave.weight)
    bias = torch.zeros(2 + 2 * network.taps, network.fold, dtype=torch.float64)
    bias[4], bias[5] = 1, -2  # taps are in order of time: two frames ago, one ago, now
    network.leave.bias = torch.nn.Parameter(bias.flatten())
    y = torch.complex(x[:, 2], x[:, 3])
    expected = torch.zeros_like(y)
    expected[..., 1:] = (1 - 2j) * y[..., :-1]
    with torch.inference_mode():
        out = network(x, torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(torch.complex(out[:, 0], out[:, 1]), expected, rtol=0, atol=1e-12)


def test_causal_convolution_is_the_padded_one() -> None:
    layer = CausalConv2d(2, 3, (3, 3), dilation=2).double()
    x = frames(9)[:, :2]
    expected = torch.nn.functional.conv2d(
        torch.nn.functional.pad(x, (4, 0)),
        layer.weight,
        layer.bias,
        padding=(1, 0),
        dilation=(1, 2),
    )
    torch.testing.assert_close(layer(x), expected)


def test_a_state_belongs_to_one_signal() -> None:
    network, state = small(), State()
    network(frames(5), torch.ones(2, dtype=torch.float64), None, state)
    with pytest.raises(InputError, match="fresh state"):
        network(frames(5)[:1], torch.ones(1, dtype=torch.float64), None, state)


def test_wrong_sizes_are_told() -> None:
    with pytest.raises(InputError, match="divisible by 16"):
        build_network("band-unet", {"bins": 100, "fold": 2})
    with pytest.raises(ValueError, match="32 bins, 16 came"):
        small()(frames(4)[:, :, :16], torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("turns", [2, 4])
def test_a_network_averaged_over_turns_turns_with_its_signal(turns: int) -> None:
    def turned(v: torch.Tensor) -> torch.Tensor:  # times -1, or times i
        if turns == 2:
            return -v
        return torch.stack([-v[:, 1::2], v[:, 0::2]], 2).flatten(1, 2)

    network, x = Turned(small(), turns), frames(30)
    psi = torch.tensor([0.3, 1.2], dtype=torch.float64)
    with torch.inference_mode():
        whole, other = network(x, psi), network(turned(x), psi)
        blocks = in_blocks(network, x, [4, 5])
    bare = small()(turned(x), psi) - turned(small()(x, psi))
    assert bare.abs().max() > 1e-3  # the bare one does not
    torch.testing.assert_close(other, turned(whole), rtol=0, atol=1e-14)
    torch.testing.assert_close(blocks, whole, rtol=0, atol=1e-12)


def test_other_numbers_of_turns_are_refused() -> None:
    with pytest.raises(ValueError, match="3 turns"):
        Turned(small(), 3)

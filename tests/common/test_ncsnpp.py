"""NCSN++: official weights load by name and give official outputs; sizes and keys of full networks.

The arrays are those of small official networks with random weights, non-zero everywhere; complex
spectrograms become two real channels. See `tests/reference/README.md`.
"""

import json
import math

import pytest
import torch
from ncsnpp_stored import (
    SMALL,
    STORED,
    drawn,
    inputs,
    near,
    network,
    order,
    result,
    settings,
    stored,
    tensors,
)

from undrift.common.errors import InputError
from undrift.common.networks.ncsnpp.layers import Attention, downsample, upsample
from undrift.common.networks.ncsnpp.variants import (
    DENOISER,
    VARIANTS,
    build_ncsnpp,
    settings_of,
)

ROOT = math.sqrt(2)


@pytest.mark.parametrize("name", SMALL)
def test_official_weights_give_official_outputs(name: str) -> None:
    seen = inputs(name)
    found = network(name)(torch.cat([seen[k] for k in SMALL[name][2]], 1), seen.get("t"))
    near(found, result(name))


@pytest.mark.parametrize("name", SMALL)
def test_keys_and_parameters_have_the_official_order(name: str) -> None:
    """Moving averages of published checkpoints are lists in the order of the parameters."""
    net = build_ncsnpp(**settings(name))
    assert list(net.state_dict()) == order(name)
    assert [key for key, _ in net.named_parameters()] == order(name)


# Counts as printed by the authors' own classes; trainable ones leave out the random rates.
FULL = [
    ("ncsnpp", {}, "ncsnpp", 65_590_822, 65_590_694, 647, 77),
    ("ncsnpp_v2", {}, "ncsnpp", 65_590_822, 65_590_694, 647, 77),
    ("ncsnpp_48k", {}, "ncsnpp_48k", 64_739_854, 64_739_726, 581, 56),
    ("storm/ncsnpp", {}, "storm_score_both", 27_776_038, None, 271, 36),
    ("storm/ncsnpp", {"channels": 4}, None, 27_756_314, None, 271, 36),
    ("storm/ncsnpp", DENOISER, "storm_denoiser", 27_342_350, None, 267, 34),
    ("storm/ncsnpplarge", {}, None, 65_623_352, None, 647, 77),
    ("storm/ncsnpp12M", {}, None, 11_688_614, None, 273, 36),
    ("storm/ncsnpp6M", {}, None, 5_225_990, None, 269, 36),
]


@pytest.mark.parametrize("row", FULL, ids=str)
def test_full_networks_have_the_official_size(row: tuple) -> None:
    name, changes, keys, count, trained, entries, modules = row
    with torch.device("meta"):
        net = build_ncsnpp(**settings_of(name, **changes))
    sizes = {parameter: parameter.numel() for parameter in net.parameters()}
    assert sum(sizes.values()) == count
    assert trained in (None, sum(n for p, n in sizes.items() if p.requires_grad))
    assert len(net.all_modules) == modules
    state = {key: list(value.shape) for key, value in net.state_dict().items()}
    assert len(state) == entries
    if keys is not None:
        official = json.loads((STORED / f"keys_{keys}.json").read_text())
        assert list(state.items()) == list(official.items())


def test_resampling_is_the_official_one() -> None:
    data = {k: torch.from_numpy(v) for k, v in stored("fir_resampling").items() if v.ndim}
    near(upsample(data["x"]), data["up"], 1e-6)
    near(downsample(data["x"]), data["down"], 1e-6)


def test_attention_is_a_softmax_over_all_places() -> None:
    layer = Attention(8).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 8, 4, 6, generator=generator, dtype=torch.float64)
    places = layer.GroupNorm_0(x).flatten(2)
    q, k, v = (
        torch.einsum("bcp,cd->bdp", places, part.W) + part.b[:, None]
        for part in (layer.NIN_0, layer.NIN_1, layer.NIN_2)
    )
    shares = torch.softmax(torch.einsum("bcp,bcq->bpq", q, k) / math.sqrt(8), -1)
    mixed = torch.einsum("bpq,bcq->bcp", shares, v)
    h = torch.einsum("bcp,cd->bdp", mixed, layer.NIN_3.W) + layer.NIN_3.b[:, None]
    torch.testing.assert_close(layer(x), (x + h.reshape(x.shape)) / ROOT, rtol=1e-10, atol=1e-10)


def test_where_the_time_divides() -> None:
    """Before the last layer its bias stays whole, after it the bias is divided too."""
    state, x = tensors("ncsnpp_small"), drawn(2, 4, 32, 8)
    t = torch.tensor([0.1, 0.5])
    found = {}
    for division in ("none", "before", "after"):
        net = build_ncsnpp(**{**settings("ncsnpp_small"), "division": division})
        net.load_state_dict(state)
        found[division] = net.requires_grad_(False)(x, t)
    bias, by = state["output_layer.bias"][:, None, None], t[:, None, None, None]
    near(found["before"], (found["none"] - bias) / by + bias)
    near(found["after"], found["none"] / by)


def test_input_that_is_not_centred_is_spread() -> None:
    """StoRM shows its networks 2 x - 1."""
    x, t = drawn(1, 4, 32, 8), torch.tensor([0.3])
    plain = network("ncsnpp_small")
    told = {**settings("ncsnpp_small"), "centred": False}
    spread = build_ncsnpp(**told)
    spread.load_state_dict(tensors("ncsnpp_small"))
    near(spread.requires_grad_(False)(x, t), plain(2 * x - 1, t))


def test_48_khz_takes_768_bins_and_attends_at_the_bottom() -> None:
    small: dict[str, object] = {"width": 8, "depth": 1, "multipliers": (1, 1, 2, 2, 2, 2, 2)}
    net = build_ncsnpp(**settings_of("ncsnpp_48k", **small)).requires_grad_(False)
    out = net(drawn(1, 4, 768, 64), torch.tensor([0.5]))
    assert out.shape == (1, 2, 768, 64)
    assert sum(isinstance(module, Attention) for module in net.all_modules) == 1


def test_wrong_spectrograms_are_told() -> None:
    net, t = network("ncsnpp_small"), torch.tensor([0.5])
    for shape, said in (
        ((1, 4, 32, 9), "multiples of 4"),
        ((1, 4, 64, 8), "attends where 32 need it"),
        ((1, 2, 32, 8), "2 channels came"),
    ):
        with pytest.raises(InputError, match=said):
            net(torch.zeros(shape), t)
    with pytest.raises(InputError, match="asked at a time"):
        net(torch.zeros(1, 4, 32, 8))
    with pytest.raises(InputError, match="did you mean 'ncsnpp_v2'"):
        settings_of("ncsnpp_v3")
    with pytest.raises(InputError, match="nf"):
        build_ncsnpp(nf=3)
    with pytest.raises(InputError, match="division 'later'"):
        build_ncsnpp(division="later")
    assert set(VARIANTS) >= {"ncsnpp", "ncsnpp_v2", "ncsnpp_48k", "storm/ncsnpplarge"}

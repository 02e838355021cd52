"""Published networks as a denoiser asks them: by an angle, with the scalings of their training."""

import math
from typing import Any

import pytest
import torch
from ncsnpp_stored import drawn, inputs, near, result, settings, tensors
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.build import build_network
from undrift.common.networks.ncsnpp.score_network import Rules, ScoreNetwork
from undrift.common.networks.ncsnpp.storm_network import StormNetwork
from undrift.common.processes import OUVE
from undrift.common.processes.process import over, time_of_angle

ROOT = math.sqrt(2)
LOW, HIGH = 0.05, 0.5  # of SGMSE+, complex
OUVE_16K: dict[str, object] = {
    "name": "ouve",
    "params": {"theta": 1.5, "low": LOW / ROOT, "high": HIGH / ROOT},
}


def deviation(t: Tensor) -> Tensor:
    """S of SGMSE+, as its program has it: Eq. (6) of the paper, of complex noise."""
    growth = math.log(HIGH / LOW)
    grown = torch.exp(2 * growth * t) - torch.exp(-3 * t)
    return torch.sqrt(LOW**2 * growth / (1.5 + growth) * grown)


def test_the_estimate_is_that_of_the_official_score() -> None:
    """A denoiser's x0 for a state x: mean = x + S^2 score (Tweedie), x0 = (mean - b y)/a."""
    told: dict[str, object] = {"backbone": settings("ncsnpp_small"), "process": OUVE_16K}
    net: Any = build_network("ncsnpp", told)
    net.dnn.load_state_dict(tensors("ncsnpp_small"))
    net.requires_grad_(False)
    seen = inputs("ncsnpp_small")
    x, y, t = seen["x"], seen["y"], seen["t"]
    score = -result("ncsnpp_small")
    near(net.raw(x, y, t), score)
    denoiser = Denoiser(net, net.process, "eps", Scaling(0.1, mean=0.0, std=1.0))
    found = denoiser(x, t, y).x0
    a = over(torch.exp(-1.5 * t), x)
    expected = (x + over(deviation(t), x) ** 2 * score - (1 - a) * y) / a
    near(found, expected, 5e-5)  # t comes back from an angle of single precision
    whole = denoiser(x[..., :21], 0.6, y[..., :21]).x0
    assert whole.shape == (2, 2, 32, 21)  # frames are added and taken away


def test_the_network_runs_on_another_process_by_the_angle() -> None:
    """OUVE with other rates: the state of equal noise over signal is the one that was trained."""
    told: dict[str, object] = {"backbone": settings("ncsnpp_small"), "process": OUVE_16K}
    net = ScoreNetwork(**told)  # type: ignore[arg-type]
    net.dnn.load_state_dict(tensors("ncsnpp_small"))
    denoiser = Denoiser(net, net.process, "eps", Scaling(0.1, mean=0.0, std=1.0))
    other = denoiser.requires_grad_(False).with_process(OUVE(2.0, 0.03, 0.4))
    seen, moment = inputs("ncsnpp_small"), torch.tensor(0.5, dtype=torch.float64)
    y = seen["y"]
    ratio = net.process.s(moment) / net.process.a(moment)
    later = time_of_angle(other.process, torch.atan2(ratio, torch.tensor(1.0).double()), 1.0)
    signal, noise = seen["x"], drawn(2, 2, 32, 24)
    made = [
        float(p.a(t)) * signal + float(p.b(t)) * y + float(p.s(t)) * noise
        for p, t in ((net.process, moment), (other.process, later))
    ]
    near(other(made[1], float(later), y).x0, denoiser(made[0], 0.5, y).x0, 1e-4)


def plain(z: Tensor, t: Tensor) -> Tensor:
    """A stand-in for the network F(x, y, t)."""
    return 0.3 * z[:, :2] + 0.1 * z[:, 2:] + over(t, z)


S, D = 0.2, 0.1
R = math.hypot(S, D)
CASES = {
    "score, 1/sigma": (Rules("score", 1, division="1/sigma"), lambda x, F: F(1) / S),
    "score, 1/t": (Rules("score", 1, division="1/t"), lambda x, F: F(1) / 0.5),
    "score, c_out": (Rules("score", 1, c_out="1/sigma"), lambda x, F: F(1) / S),
    "score, old": (Rules(), lambda x, F: -F(1)),
    "denoiser": (Rules("denoiser", 1), lambda x, F: (F(1) - x) / S**2),
    "x0": (Rules("x0", 1), lambda x, F: F(1)),
    "x0, sigma": (Rules("x0", 1, c_out="sigma"), lambda x, F: S * F(1)),
    "x0, EDM": (
        Rules("x0", 1, c_in="edm", c_out="edm", c_skip="edm"),
        lambda x, F: D**2 / R**2 * x + S * D / R * F(1 / R),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_scalings_of_the_second_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, formula = CASES[name]
    net = ScoreNetwork(settings("ncsnpp_v2_small"), OUVE_16K, vars(rules))
    monkeypatch.setattr(net, "dnn", torch.nn.Identity())
    monkeypatch.setattr(net.dnn, "forward", plain, raising=False)
    monkeypatch.setattr(net, "deviation", lambda t: torch.full_like(t, S))
    x, y, t = drawn(1, 2, 4, 4), drawn(1, 2, 4, 4, seed=1), torch.tensor([0.5])
    near(net.raw(x, y, t), formula(x, lambda c_in: plain(c_in * torch.cat([x, y], 1), t)), 1e-6)


def test_bridge_networks_give_x0_itself() -> None:
    bridge: dict[str, object] = {
        "name": "schroedinger-bridge",
        "params": {"kind": "ve", "c": 0.2, "k": 2.6},
    }
    rules: dict[str, object] = {"gives": "x0", "sign": 1}
    net = ScoreNetwork(settings("ncsnpp_v2_small"), bridge, rules, least=0.001)
    net.dnn.load_state_dict(tensors("ncsnpp_v2_small"))
    denoiser = Denoiser(net, net.process, "x0", Scaling(0.1, mean=0.0, std=1.0))
    seen = inputs("ncsnpp_v2_small")
    found = denoiser.requires_grad_(False)(seen["x"], seen["t"], seen["y"]).x0
    near(found, result("ncsnpp_v2_small"), 5e-5)
    y = seen["y"]
    near(denoiser(y, 1.0, y).x0, net.raw(y, y, torch.ones(2)), 5e-5)  # where the bridge starts


def storm(condition: str = "both") -> StormNetwork:
    score = settings("storm_score_small")
    if condition != "both":
        score = {**score, "channels": 4}
    told = {"denoiser": settings("storm_denoiser_small"), "score": score, "process": OUVE_16K}
    return StormNetwork(condition=condition, **told).requires_grad_(False)  # type: ignore[arg-type]


def test_storm_is_two_networks() -> None:
    net = storm()
    net.denoiser_net.load_state_dict(tensors("storm_denoiser_small"))
    net.score_net.load_state_dict(tensors("storm_score_small"))
    first = inputs("storm_denoiser_small")["y"]
    near(net.first(first), result("storm_denoiser_small"))
    seen = inputs("storm_score_small")
    x, y, y_d, t = seen["x"], seen["y"], seen["denoised"], seen["t"]
    score = -result("storm_score_small")
    near(net.raw(x, y_d, t, y), score)
    denoiser = Denoiser(net, net.process, "eps", Scaling(0.1, mean=0.0, std=1.0))
    found = denoiser.with_network(net.given(y))(x, t, y_d).x0
    a = over(torch.exp(-1.5 * t), x)
    near(found, (x + over(deviation(t), x) ** 2 * score - (1 - a) * y_d) / a, 5e-5)
    with pytest.raises(InputError, match="told the noisy signal too"):
        denoiser(x, t, y_d)


@pytest.mark.parametrize(("condition", "told"), [("noisy", 1), ("post_denoiser", 2)])
def test_storm_told_one_signal(condition: str, told: int) -> None:
    net = storm(condition)
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    parts = [drawn(1, 2, 32, 8, seed=k) for k in range(3)]  # x, y, y_d
    t = torch.tensor([0.4])
    expected = -net.score_net(torch.cat([parts[0], parts[told]], 1), t)
    near(net.raw(parts[0], parts[2], t, parts[1]), expected, 1e-6)


def test_wrong_settings_are_told() -> None:
    with pytest.raises(InputError, match="condition 'noise'"):
        storm("noise")
    with pytest.raises(InputError, match="c_in '2'"):
        Rules(c_in="2")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="sign 0"):
        Rules(sign=0)
    with pytest.raises(InputError, match="padding 'wrap'"):
        ScoreNetwork(settings("ncsnpp_small"), OUVE_16K, padding="wrap")
    with pytest.raises(InputError, match="expected a name and params"):
        ScoreNetwork(settings("ncsnpp_small"), {"name": "ouve"})
    net = ScoreNetwork(settings("ncsnpp_small"), OUVE_16K)
    with pytest.raises(ValueError, match="0 levels, 1 came"):
        net(torch.zeros(1, 4, 32, 8), torch.tensor([0.5]), torch.zeros(1, 1))

"""The sampler against closed forms, and the choice of presets, solvers, tiles."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from torch import Tensor, nn

from undrift.common import sampling
from undrift.common.errors import InputError, OutOfMemoryError, UsageError
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.wishes import Wishes, choose, wishes_of


@pytest.fixture(scope="session")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The exact denoiser of pixels N(0.5, 0.25^2)."""
    path = tmp_path_factory.mktemp("weights") / "g.safetensors"
    return tiny.write_model(path, tiny.DENOISE, last=0.0)


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "s.safetensors", tiny.SR)


def sampler_of(path: str, task: str, **wishes: Any) -> Sampler:
    return make_sampler(path, task, Wishes(**wishes))


def entered(sampler: Sampler, noise: float, value: float) -> tuple[float, float]:
    """Time and state of a constant picture `value` with that noise."""
    from undrift.common.grids import time_of_ratio

    time = time_of_ratio(sampler.process, noise, 0.25)
    return time, float(sampler.process.a(torch.tensor(time, dtype=torch.float64))) * value


@pytest.mark.parametrize(("noise", "value"), [(0.1, 0.8), (0.4, 0.3)])
def test_samples_have_the_mean_and_spread_of_the_posterior(
    gaussian: str, noise: float, value: float
) -> None:
    """x0 | v = x0 + n e is Gaussian: mean c + k (v - c), variance k n^2, k = S^2/(S^2 + n^2)."""
    sampler = sampler_of(gaussian, "denoise", solver="sde-multistep-2", steps=24, samples=4)
    time, state = entered(sampler, noise, value)
    shape = (1, 3, 64, 64)
    samples = sampler.draw_samples(shape, state=torch.full(shape, state), time=time)
    gain = 0.25**2 / (0.25**2 + noise**2)
    assert samples.shape == (4, 3, 64, 64)
    spread = gain**0.5 * noise
    assert float(samples.std()) == pytest.approx(spread, rel=0.05)
    assert float(samples.mean()) == pytest.approx(0.5 + gain * (value - 0.5), abs=0.04 * spread)
    across = samples.std(0).square().mean().sqrt()
    assert float(across) == pytest.approx(spread, rel=0.05)
    assert sampler.calls == 4 * 24


def test_one_call_is_the_posterior_mean(gaussian: str) -> None:
    sampler = sampler_of(gaussian, "denoise")
    time, state = entered(sampler, 0.2, 0.9)
    shape = (1, 3, 8, 8)
    result = sampler.draw_samples(shape, state=torch.full(shape, state), time=time)
    expected = torch.full(shape, 0.5 + 0.0625 / (0.0625 + 0.04) * 0.4)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    assert (sampler.calls, sampler.choice.solver) == (1, "ddim")


def test_a_sample_does_not_depend_on_the_number_of_samples(bridge: str) -> None:
    y, level = torch.rand(1, 3, 17, 22), torch.tensor([[1.0]])
    drawn = {}
    for count in (1, 2, 3):
        sampler = sampler_of(
            bridge, "sr", solver="sde-multistep-2", steps=3, samples=count, seed=5, item="a"
        )
        drawn[count] = sampler.draw_samples(y.shape, y=y, level=level)
    assert torch.equal(drawn[3][:2], drawn[2])
    assert torch.equal(drawn[3][:1], drawn[1])
    assert (drawn[3][0] - drawn[3][1]).std() > 1e-3


def test_noise_follows_seed_and_item(bridge: str) -> None:
    y, level = torch.rand(1, 3, 12, 12), torch.tensor([[1.0]])
    results = [
        sampler_of(bridge, "sr", solver="sde-1", steps=2, **key).draw_samples(
            y.shape, y=y, level=level
        )
        for key in ({}, {}, {"seed": 1}, {"item": "a.png"})
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert not torch.equal(results[0], results[3])


def test_one_ddim_call_from_the_start_is_the_denoiser_itself(bridge: str) -> None:
    y, level = torch.rand(1, 3, 20, 20), torch.tensor([[0.8]])
    sampler = sampler_of(bridge, "sr", seed=3, item="b")
    x1 = start(sampler.process, y, Noise(3, "b", 0)(tuple(y.shape), 0))
    expected = sampler.model.denoiser(x1, 1.0, y, level).x0
    result = sampler.draw_samples(y.shape, y=y, level=level)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)
    assert (result - y).std() > 1e-3  # the network does something


@pytest.mark.parametrize(
    ("solver", "steps"), [("ddim", 2), ("multistep-2", 3), ("sde-multistep-2", 3), ("heun", 8)]
)
def test_tiles_and_batches_change_nothing(bridge: str, solver: str, steps: int) -> None:
    """Heun divides by the noise it steps to, so that few steps magnify rounding (2e-5 for two)."""
    y, level = torch.rand(1, 3, 75, 54), torch.tensor([[1.0]])
    results = []
    for tile, batch in (("off", "auto"), (32, 1), (32, 8), ((16, 40), 3), ("auto", "auto")):
        sampler = sampler_of(bridge, "sr", solver=solver, steps=steps, tile=tile, batch=batch)
        results.append(sampler.draw_samples(y.shape, y=y, level=level))
    worst = max(float((result - results[0]).abs().max()) for result in results)
    assert worst <= 1e-5
    assert sampler.record()["tile"] == [75, 54]


def test_little_memory_means_small_tiles(bridge: str) -> None:
    y, level = torch.rand(1, 3, 150, 120), torch.tensor([[1.0]])
    whole = sampler_of(bridge, "sr", tile="off")
    few = sampler_of(bridge, "sr", max_memory=2_000_000)
    pair = sampler_of(bridge, "sr", max_memory=2_000_000, batch=2)
    results = [s.draw_samples(y.shape, y=y, level=level) for s in (whole, few, pair)]
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], atol=1e-5, rtol=0)
    assert whole.record()["tile"] == "off"
    network: Any = few.model.denoiser.network
    side = int(few.record()["tile"][0])  # type: ignore[index]
    assert 32 < side < 120
    assert (side + 2 * network.reach) ** 2 * network.bytes_per_element <= 2_000_000
    assert int(pair.record()["tile"][0]) < side  # type: ignore[index]


class Hungry(nn.Module):
    """A network that finds no memory above some number of pixels."""

    def __init__(self, inner: nn.Module, limit: int) -> None:
        super().__init__()
        self.inner, self.limit = inner, limit
        self.reach, self.multiple = inner.reach, inner.multiple
        self.tried: list[int] = []

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        self.tried.append(x[0, 0].numel())
        if x[0, 0].numel() > self.limit:
            raise torch.OutOfMemoryError("no")
        return self.inner(x, psi, level)


def hungry(sampler: Sampler, limit: int) -> tuple[Sampler, Hungry]:
    inner = sampler.model.denoiser
    network = Hungry(inner.network, limit)
    denoiser = type(inner)(network, inner.process, inner.prediction, inner.scaling)
    model = replace(sampler.model, denoiser=denoiser, sha256=f"sha256:{limit}")
    return Sampler(model, sampler.choice, sampler.wishes, "cpu", torch.float32), network


def test_the_tile_that_fitted_is_remembered(bridge: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_FITTING", {})
    y, level = torch.rand(1, 3, 150, 120), torch.tensor([[1.0]])
    plain = sampler_of(bridge, "sr")
    whole = plain.draw_samples(y.shape, y=y, level=level)
    first, network = hungry(plain, 11_000)
    result = first.draw_samples(y.shape, y=y, level=level)
    torch.testing.assert_close(result, whole, atol=1e-5, rtol=0)
    assert first.record()["tile"] == [75, 60]
    assert network.tried[0] > 11_000
    second, network = hungry(plain, 11_000)
    second.draw_samples(y.shape, y=y, level=level)
    assert max(network.tried) <= 11_000


def test_off_means_off(bridge: str) -> None:
    y, level = torch.rand(1, 3, 150, 120), torch.tensor([[1.0]])
    sampler, _ = hungry(sampler_of(bridge, "sr", tile="off"), 11_000)
    with pytest.raises(OutOfMemoryError, match="150 x 120 pixels at once; use tile auto"):
        sampler.draw_samples(y.shape, y=y, level=level)


def test_presets_come_from_the_weights_and_wishes_win(gaussian: str) -> None:
    best = sampler_of(gaussian, "denoise", preset="best")
    assert (best.choice.solver, best.choice.steps) == ("multistep-2", 4)
    assert best.record()["preset"] == "best"
    fewer = sampler_of(gaussian, "denoise", preset="best", steps=2)
    assert (fewer.choice.solver, fewer.choice.steps) == ("multistep-2", 2)
    assert best.planned_calls() == 4 * 2
    assert "tiny-denoise, cpu, float32, multistep-2, 8 calls an item" in best.about()
    assert choose(best.model, Wishes(preset="best", samples=2, solver="sde-1")).symmetries == 1


def test_several_samples_take_a_solver_that_draws(gaussian: str) -> None:
    model = sampler_of(gaussian, "denoise").model
    several = choose(model, Wishes(samples=3))
    assert (several.solver, several.steps) == ("auto", 5)
    assert choose(model, Wishes(samples=3, steps=8)).steps == 8
    assert choose(model, Wishes(samples=3, solver="ddim")).solver == "ddim"
    presets: Any = {
        "balanced": model.settings.presets["fast"].model_copy(
            update={"solver": "ancestral", "steps": 7, "samples": 4}
        )
    }
    own = replace(model, settings=model.settings.model_copy(update={"presets": presets}))
    assert choose(own, Wishes()).solver == "ancestral"


@pytest.mark.parametrize("wishes", [{"solver": "ddim", "steps": 4}, {"steps": 1}])
def test_samples_that_would_be_equal_are_refused(gaussian: str, wishes: dict[str, Any]) -> None:
    sampler = sampler_of(gaussian, "denoise", samples=2, **wishes)
    with pytest.raises(UsageError, match="all samples would be the same"):
        sampler.draw_samples((1, 3, 8, 8), state=torch.zeros(1, 3, 8, 8), time=0.3)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"preset": "bset"}, "did you mean 'best'"),
        ({"solver": "dimm"}, "did you mean 'ddim'"),
        ({"steps": 0}, "steps 0: expected a whole number from 1"),
        ({"steps": 2.5}, "steps 2.5"),
        ({"samples": True}, "samples True"),
        ({"seed": -1}, "seed -1: expected a whole number from 0"),
        ({"tile": "128"}, "tile '128': expected 'auto', 'off', 512"),
        ({"tile": (64, 0)}, "tile 0"),
        ({"batch": 0}, "batch 0"),
        ({"device": "cpu:7"}, "did you mean 'cpu'"),
        ({"dtype": "float64"}, "not one of auto, float32"),
    ],
)
def test_bad_wishes(gaussian: str, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sampler_of(gaussian, "denoise", **wishes)


def test_unknown_keywords_and_other_tasks(gaussian: str) -> None:
    with pytest.raises(UsageError, match=r"unknown keyword 'step'.*did you mean 'steps'"):
        wishes_of({"step": 3})
    with pytest.raises(InputError, match="tiny-denoise is a model for denoise, not for sr"):
        sampler_of(gaussian, "sr")
    with pytest.raises(InputError, match="no such weight file"):
        sampler_of(str(Path(gaussian).with_name("gone.safetensors")), "denoise")


def test_the_record_is_plain_data(gaussian: str) -> None:
    import json

    sampler = sampler_of(gaussian, "denoise", tile=(16, 24), seed=9, item="x")
    sampler.draw_samples((1, 3, 40, 40), state=torch.zeros(1, 3, 40, 40), time=0.3)
    record = json.loads(json.dumps(sampler.record()))
    assert record["tile"] == [16, 24]
    assert (record["seed"], record["item"], record["nfe"]) == (9, "x", 1)
    assert record["weights"].startswith("sha256:")
    assert record["model"] == "tiny-denoise"


def test_a_preset_may_carry_its_own_times_and_options(gaussian: str) -> None:
    model = sampler_of(gaussian, "denoise").model
    time = 0.4
    preset = model.settings.presets["fast"].model_copy(
        update={"solver": "multistep-2", "steps": 2, "times": (time, 0.1, 0.0), "options": {
            "orders": [1, 1], "lower_final": False}}
    )  # fmt: skip
    presets: Any = {"balanced": preset}
    own = replace(model, settings=model.settings.model_copy(update={"presets": presets}))
    sampler = Sampler(own, choose(own, Wishes()), Wishes(), "cpu", torch.float32)
    assert [step.t for step in sampler.plan(time)] == [time, 0.1]
    assert [len(step.B) for step in sampler.plan(time)] == [1, 1]
    with pytest.raises(UsageError, match=r"start at 0.4, this signal at 0.7"):
        sampler.plan(0.7)
    assert choose(own, Wishes(steps=3)).times is None
    assert choose(own, Wishes(solver="ddim")).options == {}


def test_times_of_a_preset_are_checked() -> None:
    from pydantic import ValidationError

    from undrift.common.weights.settings import Preset

    kept = Preset.model_validate({"steps": 2, "times": (1.0, 0.3, 0.0)})
    assert kept.times == (1.0, 0.3, 0.0)
    for times in ((1.0, 0.0), (1.0, 0.3, 0.5), (1.2, 0.3, 0.0)):
        with pytest.raises(ValidationError, match="expected 3 falling times"):
            Preset.model_validate({"steps": 2, "times": times})


def test_options_that_a_solver_lacks_are_told(gaussian: str) -> None:
    from undrift.common.solvers import build_solver

    with pytest.raises(UsageError, match="solver ddim has no option 'etta'; did you mean 'eta'"):
        build_solver("ddim", options={"etta": 0.2})


def test_several_samples_of_one_state_by_auto_are_drawn_with_noise(gaussian: str) -> None:
    """And have the spread of the posterior; the solver that was used is told."""
    sampler = sampler_of(gaussian, "denoise", steps=8, samples=4)
    assert sampler.choice.solver == "auto"
    time, state = entered(sampler, 0.3, 0.6)
    shape = (1, 3, 64, 64)
    samples = sampler.draw_samples(shape, state=torch.full(shape, state), time=time)
    spread = (0.25**2 / (0.25**2 + 0.3**2)) ** 0.5 * 0.3
    assert float(samples.std()) == pytest.approx(spread, rel=0.05)
    assert sampler.record()["solver"] == "auto-sde"
    one = sampler_of(gaussian, "denoise", solver="auto", steps=8)
    one.draw_samples(shape, state=torch.full(shape, state), time=time)
    assert one.record()["solver"] == "auto"

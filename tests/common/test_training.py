"""The training loop on a toy problem whose answers are known."""

import json
import math
from pathlib import Path

import pytest
import torch
from undrift_training import ITERATIONS, RECIPE, SIDE, Toy, recipe, weights

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.losses import assign_noise
from undrift.common.processes import build_process
from undrift.common.training.loop import train
from undrift.common.training.optimise import optimise, rate_at
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import averaged, prepare, update_average
from undrift.common.training.times import Times
from undrift.common.weights.files import load_denoiser, read_settings


class Grey(Toy):
    """x0 = c everywhere: the target is -cos(psi) eps, which the input shows but for a factor."""

    def __getitem__(self, n: int) -> dict[str, torch.Tensor]:
        sample = super().__getitem__(n)
        return {**sample, "x0": torch.full_like(sample["x0"], 0.5)}


def test_an_untrained_network_has_the_loss_of_zero(tmp_path: Path) -> None:
    """The mean of cos(psi)^2 = 1 / (1 + (rho/sigma_d)^2), rho log-uniform in [0.02, 2]."""

    def primitive(rho: float) -> float:
        return math.log(rho) - math.log(rho**2 + 0.25**2) / 2

    run = prepare(recipe(batch=1024), tmp_path, cpu=True)
    expected = (primitive(2) - primitive(0.02)) / math.log(100)
    assert next(optimise(run, Grey(), 1)) == pytest.approx(expected, abs=0.05)


def test_the_loss_falls_to_a_tenth_where_the_target_is_shown(tmp_path: Path) -> None:
    wanted = recipe(iterations=80, batch=8, rate=1e-2, decay=20, params={"unshuffle": 1})
    run = prepare(wanted, tmp_path, cpu=True)
    train(run, Grey())
    assert sum(run.losses[-10:]) < sum(run.losses[:10]) / 10


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    plan = recipe(iterations=100, rate=0.5, warmup=10, decay=40).schedule
    rates = [rate_at(plan, k) for k in range(100)]
    assert rates[0] == pytest.approx(0.05) and rates[9] == 0.5
    assert set(rates[9:61]) == {0.5}
    assert rates[80] == pytest.approx(0.25) and rates[99] == pytest.approx(0.5 / 40)
    assert rate_at(plan, 100) == 0
    forever = recipe(iterations=100, rate=0.5, warmup=0, decay=0).schedule
    assert {rate_at(forever, k) for k in range(100)} == {0.5}


def test_the_average_has_its_closed_form() -> None:
    """Weights w_k = k: after n steps with a constant memory d, w_0 = 0,
    average_n = n - d (1 - d^n) / (1 - d)."""
    network = torch.nn.Linear(1, 1, bias=False).double()
    network.register_buffer("count", torch.zeros((), dtype=torch.int64))
    average = {"weight": torch.zeros(1, 1).double(), "count": torch.zeros((), dtype=torch.int64)}
    memory = 0.1  # below the warm-up's bound (1 + k) / (10 + k) from k = 1 on
    for k in range(1, 31):
        network.weight.data.fill_(k)
        network.count.fill_(k)  # type: ignore[operator, union-attr]
        update_average(average, network, memory, k)
    expected = 30 - memory * (1 - memory**30) / (1 - memory)
    assert float(average["weight"]) == pytest.approx(expected, rel=1e-12)
    assert int(average["count"]) == 30  # whole numbers are not averaged
    first = {"weight": torch.zeros(1, 1).double(), "count": torch.zeros((), dtype=torch.int64)}
    update_average(first, network, 0.999, 1)  # warm-up: d = 2/11
    assert float(first["weight"]) == pytest.approx(30 * 9 / 11, rel=1e-12)


def test_averaged_weights_are_what_is_validated_and_exported(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []
    x = torch.rand(1, 3, SIDE, SIDE)

    def validate(denoiser: Denoiser, folder: Path) -> dict[str, float]:
        assert not denoiser.training and torch.is_inference_mode_enabled()
        seen.append(denoiser(x, 0.5).x0)
        return {"score": float(len(seen))}

    run = prepare(recipe(validate_every=4), tmp_path, cpu=True)
    path = train(run, Toy(), validate)
    assert len(seen) == 2  # at 4 and at the end
    assert run.network.training and all(p.requires_grad for p in run.network.parameters())
    denoiser, settings = load_denoiser(path)
    assert torch.equal(denoiser(x, 0.5).x0, seen[-1])
    current, average = weights(run).chunk(2)
    assert not torch.equal(current, average)
    assert settings.record["iterations"] == ITERATIONS
    assert Recipe.model_validate(settings.record["recipe"]) == run.recipe  # enough to repeat it
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["validation"] for line in lines] == [{"score": 1.0}, {"score": 2.0}]


def test_building_the_averaged_denoiser_draws_no_random_numbers(tmp_path: Path) -> None:
    run = prepare(recipe(), tmp_path, cpu=True)
    before = torch.get_rng_state()
    averaged(run)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"loss": {"immiscible": True}},
        {"loss": {"kind": "l1", "weighting": "x0"}},
        {"loss": {"kind": "charbonnier", "weighting": "min-snr"}},
        {"workers": 1},
    ],
)
def test_options_run_and_differ_from_the_plain_run(tmp_path: Path, changes: dict) -> None:
    plain, other = (prepare(recipe(**c), tmp_path, cpu=True) for c in ({}, changes))
    losses, others = (list(optimise(run, Toy(), 2)) for run in (plain, other))
    assert all(math.isfinite(value) for value in others)
    if "workers" in changes:
        assert losses == others and torch.equal(weights(plain), weights(other))
    else:
        assert losses != others
    if "precision" in changes:  # eight bits of a product, weights stay in single precision
        assert others == pytest.approx(losses, rel=0.02)
        assert weights(other).dtype == torch.float32


def test_half_precision_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"schedule\.precision: fp16 needs a GPU"):
        prepare(recipe(precision="fp16"), tmp_path, cpu=True)


def test_assigned_noise_is_a_permutation_of_least_cost() -> None:
    x0, noise = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2)
    shuffled = x0[torch.tensor([3, 1, 4, 0, 2])]
    assert torch.equal(assign_noise(x0, shuffled), x0)  # each finds its own
    assigned = assign_noise(x0, noise)
    assert sorted(assigned.flatten().tolist()) == sorted(noise.flatten().tolist())
    assert float((x0 - assigned).square().sum()) <= float((x0 - noise).square().sum())


class Broken(Toy):
    """Sample 17 holds a NaN."""

    def __getitem__(self, n: int) -> dict[str, torch.Tensor]:
        sample = super().__getitem__(n)
        if n == 17:
            sample["x0"][0, 0, 0] = math.nan
        return sample


def test_a_sample_that_is_not_finite_is_named_and_nothing_is_saved(tmp_path: Path) -> None:
    run = prepare(recipe(save_every=2), tmp_path, cpu=True)
    with pytest.raises(InputError, match=r"iteration 5: .*'x0' of sample 17"):
        train(run, Broken())
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert saved["iteration"] == 4
    assert all(value.isfinite().all() for value in saved["network"].values())
    assert read_settings(run.weights).record["iterations"] == 4


def test_a_rate_that_blows_up_says_what_to_lower(tmp_path: Path) -> None:
    run = prepare(recipe(rate=1e30, warmup=0, iterations=50), tmp_path, cpu=True)
    with pytest.raises(InputError, match=r"iteration \d+: .*schedule\.rate.*--restart"):
        train(run, Toy())
    assert not (tmp_path / "checkpoint.pt").exists()
    assert weights(run).isfinite().all()


def test_times_follow_their_bands() -> None:
    bands = [{"share": 0.5, "low": 0.1, "high": 0.4}, {"share": 0.25, "low": 1.0, "high": 1.0}]
    times = Times.model_validate({"bands": bands, "top": 0.25})
    process = recipe().settings({}).build().process
    u = (torch.arange(4000) + 0.5) / 4000
    t = times.draw(process, u, 0.25)
    ratio = process.s(t) / process.a(t)
    assert (ratio[:2000] >= 0.1 * (1 - 1e-9)).all() and (ratio[:2000] <= 0.4 * (1 + 1e-9)).all()
    assert float(ratio[:2000].log().mean().exp()) == pytest.approx(0.2, rel=1e-6)  # log-uniform
    assert torch.allclose(ratio[2000:3000], torch.ones(1000, dtype=torch.float64), rtol=1e-9)
    assert (t[3000:] == 1).all()
    with pytest.raises(ValueError, match=r"sum to 0\.75, they must sum to 1"):
        Times.model_validate({"bands": bands})


def test_a_uniform_share_is_uniform_in_time_whatever_the_process() -> None:
    band = {"share": 0.25, "low": 0.1, "high": 0.4}
    times = Times.model_validate({"bands": [band], "uniform": 0.5, "top": 0.25})
    u = (torch.arange(4000) + 0.5) / 4000
    for name in ("flow", "brownian-bridge", "resfusion"):
        t = times.draw(build_process(name, {}), u, 0.25)
        ordered = t[1000:3000].sort().values
        assert torch.allclose(ordered, (torch.arange(2000) + 0.5).double() / 2000, atol=1e-4)
        assert (t > 0).all() and (t[3000:] == 1).all() and (t[:1000] < 0.9).all()
    assert times.model_dump()["uniform"] == 0.5
    assert set(Times.model_validate({"top": 1.0}).model_dump()) == {"bands", "top"}


def test_an_unknown_recipe_key_is_named_with_the_nearest() -> None:
    from undrift.common.config import load

    given = {**RECIPE, "schedule": {"iterations": 5, "batchs": 3}, "los": {}}
    with pytest.raises(InputError) as caught:
        load(Recipe, given, "my.yaml")
    assert "schedule.batchs: unknown key; did you mean 'batch'?" in str(caught.value)
    assert "los: unknown key; did you mean 'loss'?" in str(caught.value)

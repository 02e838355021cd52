"""Training of medical models: signal, samples of known banks, recipes for two steps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.training.optimise import optimise
from undrift.common.training.recipes import read_recipe
from undrift.common.training.session import open_session
from undrift.medical import banks
from undrift.medical.banks import Bank, BrainSettings, ScanSettings
from undrift.medical.data import (
    ComplexImages,
    Contrasts,
    Patches,
    Scans,
    open_source,
)
from undrift.medical.received import random_phase, rician, smoothed
from undrift.medical.signal import PercentileSettings, read_signal, robust_maximum
from undrift.medical.validation import Validation, ValidationSettings

PERCENTILES = {"kind": "percentiles", "low": 0.0, "high": 100.0}
WHOLE = PercentileSettings(kind="percentiles", low=0, high=100, floor=0.01)
MR = {"modality": "mr", "spacing": [1, 2], "fov": [50, 200], "intensity": PERCENTILES}
CT = {**MR, "modality": "ct", "intensity": {"kind": "hu-window", "low": -1000, "high": 1000}}


def bank_of(folder: Path, *channels: np.ndarray) -> Bank:
    path = folder / "00000.npy"
    np.save(path, np.stack(channels).astype(np.float16))
    return Bank((path,))


def brains(folder: Path, side: int = 24) -> Bank:
    """Picture p is (p + 1) (x + 1) / 128, HU 8 x - 1000, the field 0, the mask 1 in half of y."""
    x, y, _ = np.indices((side,) * 3)
    pictures = [(p + 1) * (x + 1) / 128 for p in range(5)]
    return bank_of(folder, *pictures, 8.0 * x - 1000, 0 * x, 1.0 * (y < side // 2))


def test_the_signal_says_how_values_become_numbers() -> None:
    values = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    mask = values > 99
    made = read_signal({**MR, "scale": {"low": 0, "high": 5}})
    numbers = made.intensity_map(values, mask).forward(values)
    assert numbers.reshape(-1)[100] == pytest.approx(-1) and numbers.max() == pytest.approx(1)
    assert made.reference is not None
    assert made.reference.inverse(np.array([0.0], np.float32), values)[0] == 2.5
    window = read_signal(CT).intensity_map(values)
    assert window.forward(np.array([500], np.float32))[0] == 0.5


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"modality": "pet"}, "modality"), ({"spacing": None}, "spacing"), ({"tr": 3}, "tr"),
     ({"intensity": {"kind": "hu-window", "low": 5, "high": 5}}, "low below high")],
)  # fmt: skip
def test_a_wrong_signal_is_refused(changed: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_signal({**MR, **changed})


def test_the_robust_maximum_forgets_the_background_and_the_brightest() -> None:
    values = np.concatenate([np.zeros(900), np.linspace(1, 2, 101), [30.0]])
    assert robust_maximum(1j * values) == pytest.approx(
        np.quantile([*np.linspace(1, 2, 101)[51:], 30], 0.99)
    )
    with pytest.raises(InputError, match="above 0"):
        robust_maximum(np.zeros(3))
    with pytest.raises(InputError, match="complex"):
        read_signal({**MR, "intensity": {"kind": "robust-maximum"}}).intensity_map(values)


def test_noise_on_magnitudes_is_rician() -> None:
    rng = np.random.default_rng(0)
    zero = rician(np.zeros((40, 40, 40), np.float32), 0.5, rng)
    assert zero.mean() == pytest.approx(0.5 * np.sqrt(np.pi / 2), rel=0.01)
    bright = rician(np.full((40, 40, 40), 5, np.float32), 0.5, rng)
    assert np.square(bright).mean() == pytest.approx(25 + 2 * 0.25, rel=0.01)


def test_phases_are_smooth_and_single_slices_have_one() -> None:
    phase = random_phase((48, 48, 48), np.random.default_rng(3))
    assert (
        max(np.abs(np.diff(phase, axis=a)).max() for a in range(3)) < 0.6
    )  # about 6 deviations of its slope
    assert random_phase((48, 40, 1), np.random.default_rng(3)).shape == (48, 40, 1)


def test_complex_patches_have_the_magnitude_of_the_bank(tmp_path: Path) -> None:
    source = ComplexImages(brains(tmp_path), (8, 8, 8), 2, 3, gain=0, bias=0, stripped=0)
    data = Patches(source, seed=5)
    for n in range(12):
        item = data[n]
        flat = (n // 2) % 3 == 0
        size = item["x0"].square().sum(0).sqrt() * 128
        assert size.shape == ((16, 16, 8) if flat else (8, 8, 8))
        assert (size - size.round()).abs().max() < 0.05  # whole numbers of the bank
        for name in ("x0", "noise"):
            assert bool((item[name] == item[name][..., :1]).all()) == flat
        assert all(torch.equal(item[key], data[n][key]) for key in item)
    assert not torch.equal(data[3]["noise"], Patches(source, seed=6)[3]["noise"])


def test_pairs_come_from_the_same_voxels_each_by_its_own_map(tmp_path: Path) -> None:
    source = Contrasts(
        brains(tmp_path), (8, 8, 8), "mprage", "flair", WHOLE, noise=0, bias=0, stripped=0
    )
    item = Patches(source)[4]
    x0, y = item["x0"], item["y"]
    gain = (y.max() - y.min()) / (x0.max() - x0.min())  # the jitter of the scanner
    assert 0.85 < gain < 1.15 and torch.allclose(gain * (x0 - x0.mean()), y - y.mean(), atol=2e-3)


def test_pairs_of_mr_and_ct_share_voxels_and_ct_keeps_its_unit(tmp_path: Path) -> None:
    signal = read_signal({**MR, "intensity": WHOLE.model_dump(), "source": "mprage",
                          "target": "ct", "scale": {"low": -1000, "high": 1000}})  # fmt: skip
    source = open_source(
        "pair", brains(tmp_path), signal, (8, 24, 8), 1, noise=0, bias=0, stripped=0
    )
    item = Patches(source)[4]
    x0, y = item["x0"][0], item["y"][0]
    steps = 125 * (x0 + 1)  # 8 HU a voxel are 8 / 1000 of half the window
    assert torch.allclose(steps, steps.round(), atol=1e-3) and float(steps.max()) <= 23
    slope = (y[-1] - y[0]) / (x0[-1] - x0[0])
    assert torch.allclose(slope, slope.mean().expand_as(slope), rtol=1e-2)
    assert isinstance(source, Contrasts)
    stripped = replace(source, stripped=1.0)
    assert torch.equal(Patches(stripped)[4]["x0"][:, :, 12:], torch.full((1, 8, 12, 8), -1.0))
    with pytest.raises(InputError, match=r"signal.scale, the HU"):
        open_source(
            "pair", brains(tmp_path), signal.model_copy(update={"scale": None}), (8, 8, 8), 1
        )


def test_scans_give_window_numbers_with_one_offset(tmp_path: Path) -> None:
    levels = [np.full((16, 16, 8), v) for v in (100.0, 200.0, 250.0, 250.0)]
    bank = bank_of(tmp_path, *levels)
    pair = Patches(Scans(bank, (8, 8, 8), -1000, 1000))[0]
    assert float((pair["y"] - pair["x0"]).mean()) == pytest.approx(0.05, abs=1e-6)
    assert abs(float(pair["x0"].mean()) - 0.2) < 0.05
    alone = Patches(Scans(bank, (8, 8, 8), -1000, 1000, alone=True))[0]
    assert set(alone) == {"x0", "noise", "u"} and abs(float(alone["x0"].mean()) - 0.1) < 0.05


def test_a_patch_larger_than_the_bank_and_a_signal_that_does_not_fit_are_refused(
    tmp_path: Path,
) -> None:
    bank = brains(tmp_path)
    with pytest.raises(InputError, match="do not fit"):
        Patches(Contrasts(bank, (8, 8, 32), "mprage", "flair"))[0]
    with pytest.raises(InputError, match="source and target"):
        open_source("pair", bank, read_signal({**MR, "source": "t1"}), (8, 8, 8), 2)
    with pytest.raises(InputError, match="hu-window"):
        open_source("scan", bank, read_signal(MR), (8, 8, 8), 2)


def test_a_bank_makes_only_what_is_missing_and_knows_its_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def arrays(number: int, settings: BrainSettings) -> np.ndarray:
        made.append(settings.first + number)
        return np.full((8, 2, 2, 2), number, np.float16)

    monkeypatch.setattr(banks, "brain_arrays", arrays)
    bank = banks.brain_bank(BrainSettings(count=3, first=5), tmp_path)
    assert made == [5, 6, 7] and float(bank[2].max()) == 2
    bank.paths[1].unlink()
    assert len(banks.brain_bank(BrainSettings(count=4, first=5), tmp_path)) == 4
    assert made == [5, 6, 7, 6, 8]
    other = banks.brain_bank(BrainSettings(count=1, first=5, spacing=(1, 3)), tmp_path)
    assert other.paths[0].parent != bank.paths[0].parent
    for settings in (BrainSettings(first=99_990, count=20), BrainSettings(first=200_000, count=1)):
        with pytest.raises(InputError, match="kept for validation"):
            banks.brain_bank(settings, tmp_path)


TINY = (
    "network.params.widths=[8, 8]", "network.params.depths=[1, 1]", "schedule.batch=2",
    "schedule.precision=no", "schedule.warmup=1", "schedule.decay=0", 'start=""',
)  # fmt: skip
SMALL = {"brains": ("[24, 24, 24]", "[16, 16, 16]"), "scans": ("[24, 24, 8]", "[16, 16, 8]")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("brain-prior", "brains"), ("brain-t1-t2", "brains"), ("brain-t1-t2-plain", "brains"),
     ("brain-t1-t2-selfrdb", "brains"), ("brain-t1-t2-bbdm", "brains"),
     ("brain-t1-flair", "brains"), ("brain-t1-flair-bridge", "brains"),
     ("brain-t1-ct", "brains"), ("brain-t1-ct-bridge", "brains"),
     ("ct-low-dose", "scans"), ("ct-prior", "scans")],
)  # fmt: skip
def test_every_recipe_trains(name: str, kind: str, tmp_path: Path) -> None:
    grid, patch = SMALL[kind]
    sizes = (f"data.source.grid={grid}", f"data.patch={patch}", "validation={}")
    session = open_session(
        name, tmp_path / "run", (*TINY, *sizes), cpu=True, trial=tmp_path / "bank"
    )
    losses = list(optimise(session.run, session.dataset, 2))
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert session.run.denoiser.network.multiple == 4
    assert read_recipe(name).settings({}).build().network.reach == 48


def test_the_recipe_of_deformations_trains(tmp_path: Path) -> None:
    network = ("network.params.widths=[4,8]", "network.params.depths=[1,1]")
    schedule = ("schedule.iterations=2", "schedule.decay=1")
    small = ("data.side=16", "data.subjects=1", *network, *schedule)
    session = open_session("drdm", tmp_path / "run", small, cpu=True, trial=tmp_path / "bank")
    losses = list(optimise(session.run, session.dataset, 2))
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert read_recipe("drdm").network.params["outputs"] == 3


def test_validation_scores_known_denoisers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [np.zeros((16, 16, 8)), np.zeros((16, 16, 8)), *[np.full((16, 16, 8), 20.0)] * 2]
    bank = bank_of(tmp_path, *levels)
    recipe = read_recipe("ct-low-dose", TINY)
    validation = Validation(
        ValidationSettings.model_validate({"count": 1, "side": 16}),
        "scan",
        read_signal(recipe.signal),
    )
    monkeypatch.setattr(Validation, "bank", lambda self: bank)
    scores = validation(recipe.settings({}).build(), tmp_path)  # an untrained one gives back y
    assert scores["after"] == scores["before"] == pytest.approx(-20 * np.log10(20 / 3000), abs=0.01)
    with pytest.raises(InputError, match="end at"):
        Validation(
            ValidationSettings.model_validate({"count": 9, "first": 100_995}),
            "scan",
            read_signal(CT),
        )
    with pytest.raises(InputError):
        banks.scan_bank(ScanSettings(first=100_000, count=1), tmp_path)


def test_smoothing_spreads_a_point_by_its_own_deviation_along_each_axis() -> None:
    point = np.zeros((21, 21, 21), np.float32)
    point[10, 10, 10] = 1
    found = smoothed(point, np.random.default_rng(4)).astype(np.float64)
    sigma = np.random.default_rng(4).uniform(0.3, 1.2, 3)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    for axis in range(3):
        place = np.arange(21.0) - 10
        spread = (found.sum(tuple(a for a in range(3) if a != axis)) * place**2).sum() ** 0.5
        # a sampled Gaussian is as wide as a continuous one from .6 voxels on, narrower below
        assert spread == pytest.approx(sigma[axis], abs=0.01 if sigma[axis] > 0.6 else 0.2)
    assert len({round(float(s), 3) for s in sigma}) == 3


def test_a_share_of_the_samples_of_a_prior_is_smoothed(tmp_path: Path) -> None:
    grain = np.random.default_rng(1).random((6, 24, 24, 24))
    bank = bank_of(tmp_path, *grain, np.zeros((24, 24, 24)), np.ones((24, 24, 24)))
    source = ComplexImages(bank, (8, 8, 8), 2, 0, gain=0, bias=0, stripped=0, blurred=0.5)
    grains = []
    for n in range(60):
        patch, _ = source.draw(n, np.random.default_rng(n))
        grains.append(float(np.hypot(*patch).std()))
    rough = 12**-0.5  # the deviation of uniform numbers
    kept = np.isclose(grains, rough, rtol=0.15)
    assert 18 <= kept.sum() <= 42  # half of 60, three deviations

"""Whole heads: numbers of known phantoms, refusals, and the recipe for two steps."""

from pathlib import Path

import numpy as np
import pytest

import undrift
from undrift.common.errors import InputError
from undrift.common.training.optimise import optimise
from undrift.common.training.recipes import read_recipe
from undrift.common.training.session import open_session
from undrift.common.weights.files import save_weights
from undrift.medical.banks import PROTOCOLS, BrainSettings, brain_arrays
from undrift.medical.generation.heads import HeadData, Heads, head_bank, open_samples, to_numbers
from undrift.medical.signal import read_signal

SMALL = ("signal.grid=[12, 16, 12]", "signal.spacing=[16, 16]", "data.count=2")
TINY = ("network.params.widths=[8, 8]", "network.params.depths=[1, 1]", "schedule.precision=no",
        "schedule.warmup=1", "schedule.decay=0")  # fmt: skip


def test_thousandths_become_numbers_and_fat_is_the_top() -> None:
    signal = read_signal(read_recipe("brain-generate").signal)  # the window ends at 700
    pictures = np.array([0, 0.35, 0.7, 1.02], np.float16).reshape(1, 4, 1, 1)
    found = to_numbers(pictures, signal).reshape(-1)
    assert found == pytest.approx([-1, 0, 1, 1], abs=1e-3)


def test_samples_are_the_head_or_its_mirror_image() -> None:
    numbers = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    samples = Heads(numbers, seed=3)
    drawn = [samples[n] for n in range(40)]
    mirrored = [bool(np.array_equal(s["x0"][0], numbers[0, ::-1])) for s in drawn]
    same = [bool(np.array_equal(s["x0"][0], numbers[0])) for s in drawn]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32
    again = samples[7]
    assert all(np.array_equal(again[name], drawn[7][name]) for name in again)
    assert not np.array_equal(drawn[0]["noise"], drawn[1]["noise"])


def test_a_bank_holds_the_contrast_of_the_phantoms(tmp_path: Path) -> None:
    signal = read_signal(read_recipe("brain-generate", (*SMALL, "signal.source=flair")).signal)
    found = head_bank(signal, HeadData(count=2, first=4, shift=6), tmp_path)
    settings = BrainSettings(count=1, first=5, grid=(12, 16, 12), spacing=(16, 16), shift=6)
    np.testing.assert_array_equal(
        found[1], brain_arrays(0, settings)[PROTOCOLS.index("flair")]
    )  # seed 5 either way
    for path in tmp_path.rglob("*.npy"):
        np.save(path, np.zeros((12, 16, 12), np.float16))
    assert not head_bank(
        signal, HeadData(count=2, first=4, shift=6), tmp_path
    ).any()  # kept, not made again


@pytest.mark.parametrize(
    ("changed", "said"),
    [("signal.grid=null", "signal.grid"), ("signal.source=pet", "flair"),
     ("signal.scale=null", "signal.scale"), ("data.first=99999", "validation and test"),
     ("data.cuont=3", "count")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changed: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        open_samples(read_recipe("brain-generate", (*SMALL, changed)), tmp_path)


def test_the_recipe_trains_and_its_network_sees_the_whole_head(tmp_path: Path) -> None:
    session = open_session(
        "brain-generate", tmp_path / "run", (*TINY, *SMALL), cpu=True, trial=tmp_path / "bank"
    )
    losses = list(optimise(session.run, session.dataset, 2))
    assert len(losses) == 2 and np.isfinite(losses).all()
    recipe = read_recipe("brain-generate")
    network = recipe.settings({}).build().network
    grid = read_signal(recipe.signal).grid
    reach, multiple = int(network.reach), int(network.multiple)  # type: ignore[arg-type]
    assert grid is not None and reach >= max(grid)
    assert all(side % multiple == 0 for side in grid)
    assert sum(p.numel() for p in network.parameters()) * 2 < 12e6  # bytes as float16


def test_a_generator_draws_its_own_grid_in_thousandths(tmp_path: Path) -> None:
    """Weights of zero, so that the estimate is a constant: the centre, in one call."""
    recipe = read_recipe("brain-generate", (*TINY, *SMALL))
    path, settings = tmp_path / "heads.safetensors", recipe.settings({})
    save_weights(path, settings.build().network.state_dict(), settings)
    made = undrift.medical.generate(model=str(path), steps=1)
    assert made.value.grid == (12, 16, 12) and made.value.spacing == (16, 16, 16)
    middle = made.value.affine @ [5.5, 7.5, 5.5, 1]
    np.testing.assert_allclose(middle, [0, 0, 0, 1], atol=1e-9)
    centre = recipe.scaling.centre
    assert centre is not None
    np.testing.assert_allclose(made.value.array, 350 * (1 + centre), rtol=1e-5)  # 0 to 700
    assert made.info["shape"] == [12, 16, 12] and not made.info["warnings"]
    other = undrift.medical.generate(model=str(path), steps=1, shape=(12, 12, 12))
    assert "whole volumes of (12, 16, 12)" in other.info["warnings"][-1]

"""Validation of tasks with a degradation: always the same pictures, scored as they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.metrics.fidelity import psnr
from undrift.restoration.chains.settings import UNKNOWN
from undrift.restoration.validation import Validation, ValidationSettings


class Unchanged(nn.Module):
    """Returns y, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, t: object, y: Tensor, level: object) -> Estimate:
        self.seen.append(y.detach().clone())
        return Estimate(y)


@pytest.fixture
def settings(tmp_path: Path) -> ValidationSettings:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for k in range(2):
        coarse = np.random.default_rng(k).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8))).save(folder / f"{k}.png")
    return ValidationSettings(path=str(folder), crop=40)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("task", ["derain", "dehaze", "shadow", "lowlight", "deblur"])
def test_a_degradation_is_drawn_once_for_each_picture(
    settings: ValidationSettings, tmp_path: Path, task: str
) -> None:
    first, again = Unchanged(), Unchanged()
    scores = Validation(settings, task)(first, tmp_path / "a")  # type: ignore[arg-type]
    assert Validation(settings, task)(again, tmp_path / "b") == scores  # type: ignore[arg-type]
    assert list(scores) == [task]
    assert all(torch.equal(a, b) for a, b in zip(first.seen, again.seen, strict=True))
    assert not torch.equal(first.seen[0], first.seen[1])
    assert (tmp_path / "a" / f"{task}.png").is_file()


def test_scores_are_those_of_the_degraded_pictures(
    settings: ValidationSettings, tmp_path: Path
) -> None:
    half = {"steps": [{"darkened": {"alpha": 1, "beta": 0.5, "gamma": 1}}]}
    network = Unchanged()
    found = Validation(settings, "lowlight", half)(network, tmp_path)  # type: ignore[arg-type]
    clean = [2 * y for y in network.seen]
    expected = np.mean([float(psnr(x[0] / 2, x[0], data_range=1.0)) for x in clean])
    assert found["lowlight"] == pytest.approx(expected, abs=1e-3)


def test_unknown_damage_is_scored_by_its_parts(
    settings: ValidationSettings, tmp_path: Path
) -> None:
    found = Validation(settings, "blind")(Unchanged(), tmp_path)  # type: ignore[arg-type]
    parts = {part.name for part in UNKNOWN.parts} - {"jpeg"}
    assert set(found) == parts | {"jpeg10", "jpeg20", "jpeg40"}
    assert found["jpeg10"] < found["jpeg20"] < found["jpeg40"]
    jpeg = Validation(settings, "jpeg")(Unchanged(), tmp_path)  # type: ignore[arg-type]
    assert jpeg == {name: found[name] for name in ("jpeg10", "jpeg20", "jpeg40")}


def test_degradations_that_cannot_be_are_told_at_once(settings: ValidationSettings) -> None:
    with pytest.raises(InputError, match="did you mean 'haze'"):
        Validation(settings, "dehaze", "hase")
    with pytest.raises(UsageError, match="takes no degradation"):
        Validation(settings, "sr", "haze")

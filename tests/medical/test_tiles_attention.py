"""What the record says of tiles where a network attends: they are blended, and differ."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_medical import TRANSLATE, head, volume, write_medical
from torch import Tensor

from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.medical.tasks import translate

SIZE = (96, 16, 16)


@pytest.fixture
def attending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A model whose network adds the mean of all it sees, so that its reach has no bound."""
    local = LocalNAFNet3d.forward

    def forward(self: LocalNAFNet3d, x: Tensor, psi: Tensor, level: Any = None) -> Tensor:
        return local(self, x, psi, level) + x[:, 1:].mean((2, 3, 4), keepdim=True)

    monkeypatch.setattr(LocalNAFNet3d, "forward", forward)
    monkeypatch.setattr(LocalNAFNet3d, "reach", None)
    return write_medical(tmp_path / "t2.safetensors", TRANSLATE)


def test_the_record_tells_how_much_blended_tiles_differ(attending: str) -> None:
    values = head(SIZE)
    values[48:] *= 0.2  # so that the means of tiles are not alike
    whole = translate(volume(values), model=attending, tile="off", preset="fast")
    tiled = translate(volume(values), model=attending, tile=(24, 16, 16), preset="fast")
    assert whole.info["tiled_equals_whole"] and "tile_disagreement" not in whole.info
    assert tiled.info["tiles"] == 4 and not tiled.info["tiled_equals_whole"]
    apart = np.abs(tiled.value.array - whole.value.array)
    assert apart.max() > 1e-3
    assert tiled.info["tile_disagreement"] > 1e-3
    same = translate(volume(values), model=attending, tile=SIZE, preset="fast")
    assert same.info["tiled_equals_whole"]  # one tile is the whole
    np.testing.assert_allclose(same.value.array, whole.value.array, atol=1e-5)


def test_a_network_of_bounded_reach_has_no_such_line(tmp_path: Path) -> None:
    model = write_medical(tmp_path / "t2.safetensors", TRANSLATE)
    tiled = translate(volume(head(SIZE)), model=model, tile=(24, 16, 16), preset="fast")
    assert tiled.info["tiles"] == 4 and tiled.info["tiled_equals_whole"]
    assert "tile_disagreement" not in tiled.info

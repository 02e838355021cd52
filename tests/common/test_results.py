"""What a task returns, by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undrift.common.errors import UsageError
from undrift.common.results import Restored


def test_saving_is_the_writers_work(tmp_path: Path) -> None:
    calls: list[Any] = []
    result = Restored(3, info={"a": 1}, writer=lambda *call: calls.append(call))
    result.save(str(tmp_path / "x.txt"))
    assert calls == [(tmp_path / "x.txt", 3, {"a": 1})]
    with pytest.raises(UsageError, match=r"save its \.value"):
        Restored(3).save("x")


def test_a_result_has_all_its_parts_whatever_was_asked() -> None:
    result = Restored(np.zeros(2))
    assert (result.std, result.samples, result.residual, dict(result.info)) == (None, (), None, {})


def test_plots_show_what_there_is() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = Restored(np.zeros((4, 5, 3)), residual=np.ones((4, 5))).plot()
    assert [axis.get_title() for axis in figure.axes if axis.get_title()] == [
        "restored",
        "residual",
    ]
    pyplot.close(figure)

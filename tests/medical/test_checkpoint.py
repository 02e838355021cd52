"""A sampling that stops at any step goes on to the same bytes; another's steps are not taken."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_medical import DENOISE_CT, PRIOR, TRANSLATE, body, head, volume, write_medical

from undrift.medical.checkpoint import Checkpoint, Point
from undrift.medical.stages import Stage
from undrift.medical.stores import Kept, Room
from undrift.medical.tasks import denoise, translate
from undrift.medical.thick_slices import super_resolve
from undrift.medical.tiles import Tiled3D
from undrift.medical.workspace import Workspace

MINE = {"input": "a", "settings": "b"}


class Stopped(Exception):
    """Stands for whatever ends a process."""


def always(folder: Path, identity: dict[str, str] = MINE) -> Checkpoint:
    return Checkpoint(folder, identity, least=0.0, pause=0.0)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Counts the calls of networks; the one after `most` stops the run."""
    told: dict[str, Any] = {"done": 0, "most": None}
    inner = Tiled3D._estimated

    def counted(self: Tiled3D, *given: Any) -> Kept:
        if told["most"] is not None and told["done"] >= told["most"]:
            raise Stopped
        told["done"] += 1
        return inner(self, *given)

    monkeypatch.setattr(Tiled3D, "_estimated", counted)
    yield told


def t2(model: str, place: Workspace) -> Any:
    return translate(volume(head()), model=model, steps=3, samples=2, seed=3, workspace=place)


def ct(model: str, place: Workspace) -> Any:
    return denoise(volume(body(), "HU"), kind="ct", model=model, steps=4, solver="multistep-3",
                   tile=(16, 16, 16), workspace=place)  # fmt: skip


def mr(model: str, place: Workspace) -> Any:
    return denoise(volume(head(noise=3)), kind="mr", model=model, steps=3, samples=2,
                   workspace=place)  # fmt: skip


def sr(model: str, place: Workspace) -> Any:
    thick = volume(head((20, 22, 8)))
    return super_resolve(thick, model=model, steps=3, spacing=(1, 1, 0.5), workspace=place)


@pytest.mark.parametrize(("task", "settings", "total"), [
    (t2, TRANSLATE, 6), (ct, DENOISE_CT, 4), (mr, PRIOR, 6), (sr, PRIOR, 3),
])  # fmt: skip
def test_stopped_at_any_call_it_goes_on_to_the_same_bytes(
    task: Any, settings: dict[str, Any], total: int, calls: dict[str, Any], tmp_path: Path
) -> None:
    model = write_medical(tmp_path / "m.safetensors", settings)
    wanted = task(model, Workspace())
    assert calls["done"] == total
    for most in range(1, total):
        folder = tmp_path / f"stopped-{most}"
        calls.update(done=0, most=most)
        with pytest.raises(Stopped):
            task(model, Workspace(checkpoint=always(folder)))
        calls.update(done=0, most=None)
        found = task(model, Workspace(checkpoint=always(folder)))
        assert calls["done"] == total - most  # not one twice
        np.testing.assert_array_equal(found.value.array, wanted.value.array)
        if wanted.std is not None:
            np.testing.assert_array_equal(found.std, wanted.std)


def test_steps_of_another_run_are_told_of_and_left(
    calls: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_medical(tmp_path / "m.safetensors", TRANSLATE)
    calls["most"] = 2
    with pytest.raises(Stopped):
        t2(model, Workspace(checkpoint=always(tmp_path / "kept")))
    calls.update(done=0, most=None)
    other = always(tmp_path / "kept", {**MINE, "settings": "c"})
    with caplog.at_level(logging.WARNING, "undrift"):
        t2(model, Workspace(checkpoint=other))
    assert calls["done"] == 6
    assert "finished steps of another run (settings); begun anew" in caplog.text


@pytest.mark.parametrize("harm", ["short", "gone", "text"])
def test_damaged_steps_are_not_taken(
    harm: str, calls: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_medical(tmp_path / "m.safetensors", TRANSLATE)
    wanted = t2(model, Workspace())
    calls.update(done=0, most=2)
    folder = tmp_path / "kept"
    with pytest.raises(Stopped):
        t2(model, Workspace(checkpoint=always(folder)))
    (state,) = folder.glob("*-states-0.f32")
    if harm == "short":
        state.write_bytes(state.read_bytes()[:-4])
    elif harm == "gone":
        state.unlink()
    else:
        (folder / "state.json").write_text('{"identity": ')
    calls.update(done=0, most=None)
    with caplog.at_level(logging.WARNING, "undrift"):
        found = t2(model, Workspace(checkpoint=always(folder)))
    assert calls["done"] == 6
    assert ("damaged" in caplog.text) == (harm != "text")
    np.testing.assert_array_equal(found.value.array, wanted.value.array)


def point(step: int, value: float) -> Point:
    return Point(step, [Kept(np.full((1, 3, 4, 5), value, np.float32))], [])


def test_a_short_run_keeps_nothing(tmp_path: Path) -> None:
    """Ten calls of 1 second, where 60 are asked for; then of 7."""
    short = Checkpoint(tmp_path / "kept", MINE, least=60.0, pause=0.0)
    assert short.begin(10, (1, 3, 4, 5)) is None
    short.called(1.0)
    short.keep(0, point(1, 1.0), [3, 4, 5])
    assert not short.folder.exists()
    short.called(7.0)
    short.keep(0, point(2, 2.0), [3, 4, 5])
    assert short.folder.exists()


def test_only_the_newest_step_is_on_the_disk(tmp_path: Path) -> None:
    kept = always(tmp_path / "kept")
    kept.begin(5, (1, 3, 4, 5))
    kept.called(1.0)
    for step in (1, 2, 3):
        kept.keep(0, point(step, float(step)), [3, 4, 5])
    assert {path.name for path in kept.folder.iterdir()} == {"state.json", "3-states-0.f32"}
    again = always(kept.folder)
    assert again.begin(5, (1, 3, 4, 5)) == [3, 4, 5]
    found = again.point(0, (1, 3, 4, 5), Room())
    assert found is not None
    assert (found.step, float(found.states[0].array.mean())) == (3, 3.0)
    again.finish(0, found.states[0], [3, 4, 5])
    assert {path.name for path in kept.folder.iterdir()} == {"state.json", "sample-0.f32"}
    assert json.loads((kept.folder / "state.json").read_text())["sample"] == 1
    again.remove()
    assert not kept.folder.exists()


def test_steps_are_not_kept_more_often_than_the_pause_says(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept", MINE, least=0.0, pause=3600.0)
    kept.begin(5, (1, 3, 4, 5))
    kept.called(1.0)
    kept.keep(0, point(1, 1.0), [3, 4, 5])
    assert not kept.folder.exists()
    kept._last -= 3601
    kept.keep(0, point(2, 2.0), [3, 4, 5])
    assert kept.folder.exists()


def test_a_full_disk_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = always(tmp_path / "kept")
    kept.begin(5, (1, 3, 4, 5))
    kept.called(1.0)
    kept.keep(0, point(1, 1.0), [3, 4, 5])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("undrift.medical.checkpoint.os.fsync", full)
    with caplog.at_level(logging.WARNING, "undrift"):
        kept.keep(0, point(2, 2.0), [3, 4, 5])
        kept.called(1.0)
        kept.finish(0, point(3, 3.0).states[0], [3, 4, 5])
    assert caplog.text.count("finished steps are not kept: [Errno 28]") == 1
    assert not kept.folder.exists()


def test_stages_keep_nothing_unless_told_to(tmp_path: Path) -> None:
    assert Stage.__dataclass_fields__["workspace"].default_factory().checkpoint.begin(1, ()) is None

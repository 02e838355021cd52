"""A folder of files on a cluster of dask: the same bytes, whatever happens to a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import Square, cluster

from undrift.common import cluster as module
from undrift.common.errors import PartialFailure, UsageError
from undrift.common.manifest import read
from undrift.common.run_options import RunOptions
from undrift.common.runner import run_items


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster(2) as found:
        yield found


def go(folder: str = "out", **changes: object) -> list[dict]:
    values: dict = {"inputs": ("in",), "output": Path(folder), "task": "square", **changes}
    return run_items(Square(), RunOptions(**values), suffixes={".txt"}, model="m", weights="w")


def fill(**words: str) -> None:
    Path("in/s").mkdir(parents=True, exist_ok=True)
    for name, word in words.items():
        Path("in/s" if name[-1] in "02468" else "in", f"{name}.txt").write_text(word)


def files(folder: str) -> dict[str, bytes]:
    found = sorted(Path(folder).rglob("*.txt"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found if p.name[0] != "."}


def test_a_killed_worker_loses_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(**{f"n{k}": str(k) for k in range(12)} | {"n3": "3 die"})
    records = go(scheduler=address)
    (victim,) = [record for record in records if Path(record["input"]).stem == "n3"]
    assert victim["worker"] != int(Path("died-n3").read_text())  # another process took over
    assert [record["status"] for record in records] == ["written"] * 12
    go("alone")  # in this process, where nobody dies a second time
    assert files("out") == files("alone") and len(files("out")) == 12
    assert [record["status"] for record in go(scheduler=address)] == ["skipped"] * 12
    assert len(read(Path("out/undrift.jsonl"))) == 12


def test_an_item_that_never_works_fails_alone(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(n1="1", n2="bad", n3="3 flaky")
    with pytest.raises(PartialFailure, match="2 written, 0 skipped, 1 failed"):
        go(scheduler=address)
    assert len(files("out")) == 2
    records = read(Path("out/undrift.jsonl"))
    assert {Path(r["input"]).stem: r["tries"] for r in records if "tries" in r} == {"n3": 2}
    (failed,) = [r for r in records if r["status"] == "failed"]
    assert "n2.txt" in failed["error"] and "tries" not in failed  # no number stays no number


def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_SECONDS", "0.5s")
    fill(n1="1")
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9: no scheduler answers.*dask scheduler"):
        go(scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="nowhere"):
        go(scheduler="nowhere")
    with pytest.raises(UsageError, match="exclude each other"):
        go(scheduler="tcp://127.0.0.1:9", workers=2)
    assert files("out") == {}

"""What all tests share: two cores, `--slow`, GPU tests only with a GPU, and a toy command."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
for _name in THREADS:
    _limit = os.environ.get(_name, os.environ.get("OMP_NUM_THREADS", "2"))
    os.environ[_name] = str(min(2, int(_limit)))
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may wait for a network
_tests = Path(__file__).parent
sys.path[:0] = [str(_tests / "toy"), str(_tests)]  # toy: also for the processes that tests start

import pytest  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """All quick tests together run in two processes, a file in one, unless `-n` says otherwise.

    A few chosen tests are not worth a second start; `--slow` measures times, undisturbed.
    """
    option = config.option
    if hasattr(config, "workerinput") or not hasattr(option, "numprocesses"):
        return  # one of the processes; or without pytest-xdist
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False)
    watched = option.usepdb or option.collectonly or option.capture == "no"
    everything = config.args_source == pytest.Config.ArgsSource.TESTPATHS and not chosen
    quick = option.numprocesses is None and everything and not watched and not option.slow
    if quick and (os.cpu_count() or 1) > 1:
        option.numprocesses = 2
    if option.numprocesses:
        option.dist = "loadfile" if option.dist == "no" else option.dist
        os.environ.update(dict.fromkeys(THREADS, "1"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow and not config.getoption("--slow"):
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What earlier sessions or a user left in the cache is not seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDRIFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def begin_alike() -> Iterator[None]:
    """Global generators and the number of threads do not depend on what ran before a test."""
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # `torch.manual_seed` formats a stack for CUDA: 1 ms
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(0)
    threads = torch.get_num_threads()
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the command `undrift toy` of `toy/undrift_toy.py`."""
    from undrift.cli import COMMANDS

    monkeypatch.setitem(COMMANDS, "toy", ("undrift_toy", "toy", "Multiply numbers in text files."))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """For processes that need what this one can import."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}

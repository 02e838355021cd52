"""Our posterior samplers beside those of deepinv 0.5: same network, operators, pictures and noise.

    python docs/posterior_comparison.py           run what is missing, then write the page
    python docs/posterior_comparison.py --smoke   one photograph, two methods; nothing is kept
    python docs/posterior_comparison.py --tune    sweeps of deepinv's settings, for validation
    python docs/posterior_comparison.py --page    write the page from what was measured

deepinv 0.5.0 has to be installed, see the page. Every run is a line of
docs/results/posterior-comparison.jsonl, appended when it is done, so that a killed run goes on.
Seconds are processor time on one thread; memory is the peak of a process that solves one problem,
above what it held before. Settings, photographs and methods are in `posterior_comparison_settings`.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import posterior_comparison_settings as settings  # noqa: E402
import torch  # noqa: E402
from posterior_comparison_deepinv import declare_missing_operators, plan, wrapped  # noqa: E402
from posterior_comparison_problems import OPERATORS, Problem, problems  # noqa: E402
from posterior_comparison_table import RESULTS, ranked, read, tuning_table, write_page  # noqa: E402
from torch import Tensor  # noqa: E402

from undrift.common.denoisers import Denoiser  # noqa: E402
from undrift.common.errors import InputError  # noqa: E402
from undrift.common.files import sha256_of  # noqa: E402
from undrift.common.solve import solve  # noqa: E402
from undrift.common.weights.model import find_weights, load_model  # noqa: E402
from undrift.restoration.channels import GreyAsColour  # noqa: E402

MEMORY_CALLS = 20


@dataclass
class Bench:
    """The network in both libraries, and a count of its calls."""

    model: str
    count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.denoiser = load_model(self.model).denoiser.requires_grad_(False)
        self.denoiser.network.register_forward_hook(self._counted)

    def _counted(self, *_: Any) -> None:
        self.count += 1

    def like(self, channels: int) -> Denoiser:
        """The denoiser for pictures of so many channels."""
        d = self.denoiser
        if channels == 3:
            return d
        return GreyAsColour(d.network, d.process, d.prediction, d.scaling)

    def ready(
        self, problem: Problem, method: settings.Method, calls: int, options: dict[str, Any]
    ) -> Callable[[], Tensor]:
        """The run, as a function without arguments."""
        if method.library == "undrift":
            budget, steps = (calls, None) if method.kind == "auto" else (None, calls)
            return lambda: solve(
                problem.y[0], problem.operator, self.model, noise=problem.sigma,
                method=method.kind, item=problem.photo, device="cpu", budget=budget, steps=steps,
            ).value[None]  # fmt: skip
        shape = tuple(problem.clean.shape)
        if method.kind in ("diffpir", "dpir"):
            options = {**options, "sigma": problem.sigma}
        denoiser = wrapped(self.like(shape[1]))
        return lambda: plan(denoiser, method.kind, calls, options)(
            problem.y, problem.physics, shape
        )

    def run(
        self, problem: Problem, method: settings.Method, calls: int, options: dict[str, Any]
    ) -> dict[str, Any]:
        """Scores, processor seconds and network calls of one run; `failed` if it raised."""
        run = self.ready(problem, method, calls, options)
        self.count = 0
        began = time.process_time()
        try:
            x = run()
        except InputError as error:  # ours refuses a result that is not finite
            return {"failed": str(error)}
        seconds = time.process_time() - began
        found = {**problem.scores(x), "seconds": seconds}
        rounded = {key: float(f"{value:.6g}") for key, value in found.items()}
        return {**rounded, "network_calls": self.count}


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a run the same run."""
    return tuple(record.get(k) for k in ("record", "method", "calls", "operator", "photo", "place"))


def append(record: dict[str, Any], path: Path) -> None:
    """One line more."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def head(model: str) -> dict[str, Any]:
    """What all runs of a file share."""
    import deepinv  # type: ignore[import-not-found]

    return {
        "record": "settings", "model": model, "weights": sha256_of(find_weights(model)),
        "card": settings.CARD, "photos": list(settings.PHOTOS), "side": settings.SIDE,
        "sigma": settings.SIGMA, "deepinv": deepinv.__version__,
        "torch": torch.__version__.partition("+")[0],
    }  # fmt: skip


def begun(model: str, path: Path) -> list[dict[str, Any]]:
    """The records so far; a new file gets its head. Raises InputError if the head is another."""
    mine, records = head(model), read(path)
    if not records:
        append(mine, path)
        return [mine]
    if records[0] != mine:
        raise InputError(
            f"{path} was measured with {records[0]}; this run has {mine}; finish it with those, or "
            "move the file away and begin again"
        )
    return records


def wanted(
    made: Sequence[Problem], library: str
) -> Iterator[tuple[Problem, str, settings.Method, int]]:
    """Every method with every budget on every problem that it is for; the dear ones at the end."""
    pairs = [(name, m, calls) for name, m in settings.METHODS.items() for calls in m.calls]
    for late in (False, True):
        for problem in made:
            for name, method, calls in pairs:
                last = (name, calls) in settings.LAST and (name, problem.name) != settings.EARLY
                fits = not method.operators or problem.name in method.operators
                if fits and last == late and library in ("", method.library):
                    yield problem, name, method, calls


def measure(model: str, path: Path, library: str = "", share: str = "0/1") -> None:
    """Runs what the file does not hold yet, of one library or both: methods in turn, by problem."""
    done = {key(record) for record in begun(model, path)}
    bench = Bench(model)
    first, every = (int(n) for n in share.split("/"))
    made = list(problems(
        settings.CARD, settings.PHOTOS[first::every], settings.SIDE, settings.SIGMA, list(OPERATORS)
    ))  # fmt: skip
    for problem, name, method, calls in wanted(made, library):
        record: dict[str, Any] = {
            "record": "run", "method": name, "calls": calls, "operator": problem.name,
            "photo": problem.photo,
        }  # fmt: skip
        if key(record) not in done:
            options = settings.options_of(name, calls, problem.name)
            append(record | bench.run(problem, method, calls, options), path)
            print(problem.photo, problem.name, name, calls, flush=True)


def tune(model: str, path: Path) -> None:
    """Every set at few calls, the best of them at many; prints the best places of each grid."""
    bench = Bench(model)
    made = list(problems(
        settings.TUNING_CARD, settings.TUNING_PHOTOS, settings.SIDE, settings.SIGMA,
        list(OPERATORS),
    ))  # fmt: skip
    few = settings.TUNED_AT[0]
    for calls in settings.TUNED_AT:
        records = read(path)
        done = {key(record) for record in records}
        for name, method in settings.METHODS.items():
            for problem in made:
                places = range(len(method.grid))
                if calls > few:
                    places = ranked(records, name, few, problem.name)[: settings.SURVIVORS]
                for place in places:
                    record: dict[str, Any] = {
                        "record": "tuning", "method": name, "calls": calls, "place": place,
                        "operator": problem.name, "photo": problem.photo,
                    }  # fmt: skip
                    other = method.operators and problem.name not in method.operators
                    if key(record) not in done and not other:
                        found = bench.run(problem, method, calls, method.grid[place])
                        append(record | found, path)
            print(name, calls, flush=True)
    print(tuning_table(read(path)))


def memory(model: str, path: Path) -> None:
    """The peak of each method in a process of its own."""
    done = {key(record) for record in read(path)}
    for name in settings.METHODS:
        record = {"record": "memory", "method": name}
        if key(record) in done:
            continue
        words = [sys.executable, __file__, "--model", model, "--one", name]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        append(record | json.loads(said.splitlines()[-1]), path)


def one(model: str, name: str) -> None:
    """Solves the first problem and prints how far the process grew, in MB (Linux)."""
    method = settings.METHODS[name]
    bench = Bench(model)
    problem = next(problems(settings.CARD, settings.PHOTOS[:1], settings.SIDE, settings.SIGMA,
                            list(OPERATORS)[:1]))  # fmt: skip
    calls = MEMORY_CALLS if MEMORY_CALLS in method.calls else method.calls[0]
    run = bench.ready(problem, method, calls, settings.options_of(name, calls, problem.name))
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _resident("VmRSS")
    run()
    print(json.dumps({"mb": round(_resident("VmHWM") - before, 1)}))


def _resident(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


def smoke(model: str) -> None:
    """One photograph, all operators, two methods, 10 calls."""
    bench = Bench(model)
    for problem in problems(settings.TUNING_CARD, settings.TUNING_PHOTOS[:1], settings.SIDE,
                            settings.SIGMA, list(OPERATORS)):  # fmt: skip
        for name in (settings.OURS, "deepinv, PiGDM"):
            options = settings.options_of(name, 10, problem.name)
            found = bench.run(problem, settings.METHODS[name], 10, options)
            print(problem.name, name, found, flush=True)


def main() -> None:
    """Parses the options; without any, measures and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default=settings.MODEL)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--only", choices=("undrift", "deepinv"), default="", help="one library")
    parser.add_argument("--share", default="0/1", help="photographs K, K + N, ... as K/N")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    for name in ("smoke", "tune", "page"):
        parser.add_argument(f"--{name}", action="store_true")
    asked = parser.parse_args()
    if not asked.page:
        declare_missing_operators()
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")  # deepinv's own
    if asked.one:
        one(asked.model, asked.one)
    elif asked.smoke:
        smoke(asked.model)
    elif asked.tune:
        tune(asked.model, asked.results)
    elif not asked.page:
        measure(asked.model, asked.results, asked.only, asked.share)
        if asked.share == "0/1":
            memory(asked.model, asked.results)
    if asked.page or not (asked.one or asked.smoke or asked.tune):
        write_page()


if __name__ == "__main__":
    main()

"""Real-time factor and peak memory of speech enhancement on one core, ours and others in one run.

    python docs/speech_speed.py --lengths 10,600 --json docs/results/speech-speed.jsonl
    python docs/speech_speed.py --lengths 7200                       # two hours

For each length a noisy recording of 16 kHz, 16 bits, is made, and every method in turn enhances it
from file to file in a process of its own, on one thread pinned to one core (where the system can
pin). RTF is the processor time (user and system) of reading, enhancing and writing per second of
sound, weights loaded and packages imported before; wall time is recorded beside it. Memory is the
peak resident size of the process; `start` is what it had when everything was imported.
RNNoise is run by `RNNoise.denoise_chunk` of pyrnnoise, which resamples to 48 kHz and back, a second
at a time; noisereduce by `reduce_noise` on the whole array, as its documents show. A method whose
package is not installed says so.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 16_000
OURS = ("fast", "balanced", "best", "wiener")
PEERS = ("noisereduce", "noisereduce-stationary", "rnnoise")
Work = Callable[[], object]


def make_sound(path: Path, seconds: float) -> None:
    """Syllables of harmonics with pauses, in noise; written second by second."""
    t = np.arange(RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for second in range(round(seconds)):
            rng = np.random.default_rng(second)
            pitch = rng.uniform(90, 250)
            voice = sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 20))
            syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * t), 0, None)
            speech = 0.05 * voice * syllables * (second % 4 != 3)
            file.write(speech + 0.01 * rng.standard_normal(RATE))


def prepared(method: str, source: Path, target: Path, model: str | None) -> Work:
    """Imports and loads what `method` needs; returns what is to be timed."""
    if method == "rnnoise":
        from pyrnnoise import RNNoise  # pyright: ignore[reportMissingImports]

        return lambda: rnnoise(RNNoise(RATE), source, target)
    if method.startswith("noisereduce"):
        import noisereduce  # pyright: ignore[reportMissingImports]

        def gate() -> None:
            sound, rate = soundfile.read(source, dtype="float32")
            stationary = method.endswith("stationary")
            out = noisereduce.reduce_noise(y=sound, sr=rate, stationary=stationary)
            soundfile.write(target, out, rate)

        return gate
    import undrift.speech.tasks  # noqa: F401
    from undrift.cli import main
    from undrift.common.weights.model import load_model
    from undrift.speech.method import DEFAULT

    words = ["speech", "enhance", str(source), "-o", str(target), "-q", "--threads", "1"]
    if method == "wiener":
        words += ["--method", "wiener"]
    else:
        load_model(model or DEFAULT)
        words += ["--preset", method, *(["--model", model] if model else [])]

    def enhance() -> None:
        if code := main(words):
            raise RuntimeError(f"exit code {code}")

    return enhance


def rnnoise(state: Any, source: Path, target: Path) -> None:
    """Second by second, as the package's own loop over a file does."""
    with soundfile.SoundFile(source) as file, soundfile.SoundFile(target, "w", RATE, 1) as out:
        while len(block := file.read(RATE, dtype="int16")):
            last = file.tell() == file.frames
            for _, frame in state.denoise_chunk(block[None], last):
                out.write(frame[0])


def peak_mib() -> float:
    """Most resident memory this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def child(method: str, source: Path, target: Path, model: str | None) -> None:
    """Runs one method here and prints what it cost as JSON."""
    try:
        work = prepared(method, source, target, model)
    except ModuleNotFoundError as error:
        print(json.dumps({"error": f"not installed ({error.name})"}))
        return
    start, wall, used = peak_mib(), time.perf_counter(), time.process_time()
    work()
    print(json.dumps({
        "wall": time.perf_counter() - wall, "cpu": time.process_time() - used,
        "start_mib": start, "peak_mib": peak_mib(),
    }))  # fmt: skip


def measured(
    method: str, source: Path, target: Path, seconds: float, model: str | None
) -> dict[str, object]:
    """The costs of a method in a process of its own."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    command = [sys.executable, __file__, "--child", method, str(source), str(target)]
    done = subprocess.run(
        [*command, *(["--model", model] if model else [])], capture_output=True, text=True,
        env={**os.environ, **dict.fromkeys(names, "1")}, preexec_fn=_pin, check=False,
    )  # fmt: skip
    record: dict[str, object] = {"method": method, "seconds": seconds}
    if done.returncode:
        return {**record, "error": f"failed: {done.stderr.strip().splitlines()[-1:]}"}
    found = json.loads(done.stdout.splitlines()[-1])
    if "cpu" in found:
        record["rtf"] = found["cpu"] / seconds
    return record | found


def _pin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main() -> None:
    """Measures and prints a line a run, appended to --json as it is done."""
    parser = argparse.ArgumentParser(description="Speed and memory of speech enhancement.")
    parser.add_argument("--lengths", default="10,600", help="seconds, by commas")
    parser.add_argument("--methods", default=",".join((*OURS, *PEERS)), help="by commas")
    parser.add_argument("--model", help="name or path; default: the usual one")
    parser.add_argument("--json", type=Path, help="file of lines to append to")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), Path(given.child[2]), given.model)
        return
    with tempfile.TemporaryDirectory() as folder:
        for seconds in map(float, given.lengths.split(",")):
            source = Path(folder) / f"{seconds:g}.wav"
            make_sound(source, seconds)
            for method in given.methods.split(","):
                target = Path(folder) / f"{method}-{seconds:g}.wav"
                line = json.dumps(measured(method, source, target, seconds, given.model))
                target.unlink(missing_ok=True)
                print(line, flush=True)
                if given.json:
                    with given.json.open("a", encoding="utf-8") as file:
                        file.write(line + "\n")


if __name__ == "__main__":
    main()

"""Tasks for tests on a cluster: some kill their worker, once, in the middle of their work."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import replacing
from undrift.common.items import Item


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of a scheduler with so many workers, processes of their own, on this machine."""
    from distributed import LocalCluster

    settings: dict[str, Any] = {"dashboard_address": None, "host": "127.0.0.1"}
    started: Any = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **settings)
    with started as running:
        yield running.scheduler_address


def once(mark: str) -> bool:
    """Whether nobody has asked so before; marks are files that tell the process."""
    try:
        handle = os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    os.write(handle, str(os.getpid()).encode())
    os.close(handle)
    return True


@dataclass(frozen=True)
class Square:
    """Writes the square of the number in a text file, many times.

    "die": the worker is killed with half of the file written, at the first try. "flaky": the disk
    fails, at the first try. "bad": no number, at every try.
    """

    def __call__(self, item: Item, target: Path) -> dict[str, Any]:
        number, _, how = item.source.read_text().partition(" ")
        line = f"{float(number) ** 2}\n"
        with replacing(target) as part, part.open("w") as file:
            file.write(line * 5000)
            file.flush()
            if how == "die" and once(f"died-{item.source.stem}"):
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "flaky" and once(f"failed-{item.source.stem}"):
                raise OSError("the disk is away")
            file.write(line * 5000)
        return {"worker": os.getpid()}


@dataclass(frozen=True)
class Noisy:
    """A step over fields: smoothed along columns, twice as fine, with noise of (seed, time).

    deadly: the time at which the worker is killed, once; mark: where that is noted.
    """

    seed: int = 0
    deadly: str = ""
    mark: str = ""
    broken: str = ""

    def __call__(self, data: Any, key: str) -> Any:
        import torch
        import xarray as xr

        from undrift.common.noise import Noise
        from undrift.scientific.atmosphere.fields.finer import finer_coordinates

        if key == self.deadly and once(self.mark):
            os.kill(os.getpid(), signal.SIGKILL)
        if key == self.broken:
            raise ValueError("no such thing")
        coarse = data["t2m"].values[0]
        fine = torch.from_numpy(np.kron(coarse, np.ones((2, 2))).astype(np.float32))
        drawn = [Noise(self.seed, key, k)((1, 1, *fine.shape))[0, 0] for k in range(2)]
        made = torch.stack([fine + 0.1 * one for one in drawn])[:, None].numpy()
        dims = ("member", "time", "latitude", "longitude")
        out = xr.Dataset({"t2m": (dims, made, data["t2m"].attrs)}, finer_coordinates(data, 2))
        return out.assign_coords(time=data["time"], member=("member", [0, 1]))

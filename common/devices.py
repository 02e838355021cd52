"""Where and in which precision the network runs. Nothing falls back silently."""

import contextlib
import copy
import os
from pathlib import Path

import torch
from torch import nn

from undrift.common.errors import UsageError, nearest

WAYS = ("channels-last", "contiguous", "compiled", "cuda-graphs")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available() -> list[str]:
    """Names of the devices that can be used here."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def resolve_device(name: str) -> str:
    """The device; "auto" is the first of cuda, mps, cpu present. Raises UsageError."""
    present = available()
    if name == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if kind in present)
    if name not in present:
        raise UsageError(
            f"device {name!r} is not here; present: {', '.join(present)}{nearest(name, present)}"
        )
    return name


def resolve_dtype(name: str, device: str) -> torch.dtype:
    """The type; "auto" is bfloat16 where a GPU has it, else float32. Raises UsageError."""
    if name == "auto":
        native = device.startswith("cuda") and torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        return torch.bfloat16 if native else torch.float32
    if name not in DTYPES:
        raise UsageError(
            f"dtype {name!r} is not one of auto, {', '.join(DTYPES)}{nearest(name, DTYPES)}"
        )
    return DTYPES[name]


def autocast(device: str, dtype: torch.dtype) -> contextlib.AbstractContextManager[object]:
    """Context in which networks compute in `dtype`; processes and states stay in float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, dtype)


def run_as(network: nn.Module, way: str, device: str) -> nn.Module:
    """The network made to run in one of `WAYS`; the given one is not touched.

    "channels-last", "contiguous": a copy with its convolutions in that memory format (models come
    in channels-last on a processor). "compiled": by torch.compile, which shares the weights and
    compiles at the first call of each new size: seconds to minutes. "cuda-graphs": compiled, and
    replayed as CUDA graphs; an answer is overwritten by the next call, which a `Denoiser` permits.
    Use it as `denoiser.with_network(run_as(denoiser.network, way, device))`.
    Raises UsageError for an unknown way, and for CUDA graphs elsewhere.
    """
    if way not in WAYS:
        raise UsageError(f"way {way!r} is not one of {', '.join(WAYS)}{nearest(way, WAYS)}")
    if way == "cuda-graphs" and not device.startswith("cuda"):
        raise UsageError(f"cuda-graphs need a CUDA device, not {device!r}; take compiled")
    if way in ("compiled", "cuda-graphs"):
        mode = "reduce-overhead" if way == "cuda-graphs" else None
        return torch.compile(network, mode=mode)  # type: ignore[return-value]
    network = copy.deepcopy(network)
    if way == "contiguous":
        return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return channels_last(network)


def channels_last(network: nn.Module) -> nn.Module:
    """The same network, its kernels of two and three dimensions laid out channels-last."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in network.parameters():
        if parameter.ndim in layouts:
            layout = layouts[parameter.ndim]
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return network


def free_memory(device: str, table: Path = Path("/proc/meminfo")) -> int:
    """Bytes that can be taken now on a device; of the main memory with what Linux can reclaim."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not told on this system
        return 4 * 2**30

"""Where and how precisely: names that are here, types that are native, memory that is free."""

from pathlib import Path

import pytest
import torch

from undrift.common import devices
from undrift.common.devices import autocast, available, free_memory, resolve_device, resolve_dtype
from undrift.common.errors import UsageError


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cpu" in available()
    monkeypatch.setattr(devices, "available", lambda: ["cpu"])
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="device 'cuda:1' is not here; present: cpu"):
        resolve_device("cuda:1")


def test_auto_takes_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available", lambda: ["cpu", "cuda", "cuda:0", "mps"])
    assert resolve_device("auto") == "cuda"
    monkeypatch.setattr(devices, "available", lambda: ["cpu", "mps"])
    assert resolve_device("auto") == "mps"
    with pytest.raises(UsageError, match="did you mean 'mps'"):
        resolve_device("mpss")


def test_auto_is_float32_on_a_processor_and_bfloat16_only_where_native(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert resolve_dtype("auto", "cpu") is torch.float32
    asked = []

    def supported(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert resolve_dtype("auto", "cuda") is torch.float32  # emulated only
    assert asked == [False]
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert resolve_dtype("auto", "cuda:1") is torch.bfloat16
    assert resolve_dtype("float16", "cpu") is torch.float16
    with pytest.raises(UsageError, match="did you mean 'bfloat16'"):
        resolve_dtype("bfloat", "cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_networks_compute_in_the_type_and_nothing_else_does(dtype: torch.dtype) -> None:
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    with torch.inference_mode(), autocast("cpu", dtype):
        assert layer(x).dtype is dtype
        assert (x + x).dtype is torch.float32


def test_free_memory_counts_what_linux_can_reclaim(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  800 kB\nMemFree:  100 kB\nMemAvailable:  700 kB\nHugePages: 0\n")
    assert free_memory("cpu", table) == 700 * 1024
    table.write_text("MemFree:  100 kB\n")
    assert 2**20 < free_memory("cpu", table) < 2**50  # asks the system another way
    assert 2**20 < free_memory("cpu", tmp_path / "gone") < 2**50
    assert 2**20 < free_memory("cpu") < 2**50

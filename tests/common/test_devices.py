"""Where and how precisely: names that are here, types that are native, memory that is free."""

from pathlib import Path

import pytest
import torch

from undrift.common import devices
from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.devices import (
    WAYS,
    autocast,
    available,
    free_memory,
    resolve_device,
    resolve_dtype,
    run_as,
)
from undrift.common.errors import UsageError
from undrift.common.grids import build_grid
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.processes import VariancePreserving
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan


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


def small() -> LocalNAFNet:
    torch.manual_seed(0)
    network = LocalNAFNet(unshuffle=1, widths=[4, 6], depths=[1, 1], features=8)
    for value in network.parameters():
        torch.nn.init.uniform_(value, -0.3, 0.3)
    return network.requires_grad_(False).eval()


def test_memory_formats_are_those_of_a_copy() -> None:
    network, x, psi = small(), torch.rand(1, 3, 8, 8), torch.tensor([0.7])
    plain = network(x, psi)
    for way, layout in (("channels-last", torch.channels_last), ("contiguous", None)):
        other = run_as(network, way, "cpu")
        weights = [value for value in other.parameters() if value.ndim == 4]
        assert all(
            w.is_contiguous(memory_format=layout or torch.contiguous_format) for w in weights
        )
        torch.testing.assert_close(other(x, psi), plain, rtol=1e-5, atol=1e-5)
    assert network.enter.weight.is_contiguous()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler, which differ from version to version
def test_a_compiled_network_gives_the_same_and_shares_its_weights() -> None:
    network, x, psi = small(), torch.rand(1, 3, 8, 8), torch.tensor([0.7])
    quick = run_as(network, "compiled", "cpu")
    assert {id(value) for value in quick.parameters()} == {id(v) for v in network.parameters()}
    torch.testing.assert_close(quick(x, psi), network(x, psi), rtol=1e-5, atol=1e-5)
    assert (quick.reach, quick.multiple) == (network.reach, network.multiple)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")
def test_cuda_graphs_give_the_same_run() -> None:
    process = VariancePreserving()
    denoiser = Denoiser(small().cuda(), process, "balanced", Scaling(0.25, centre=0.5))
    quick = denoiser.with_network(run_as(denoiser.network, "cuda-graphs", "cuda"))
    steps = build_solver("multistep-2").plan(process, build_grid("auto", process, 6, 0.25))
    x = torch.rand(1, 3, 16, 16, device="cuda")
    with torch.inference_mode():
        plain, graphs = (run_plan(model, x, steps) for model in (denoiser, quick))
    torch.testing.assert_close(graphs, plain, rtol=1e-4, atol=1e-4)


def test_ways_that_are_not_there_are_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'compiled'"):
        run_as(small(), "compile", "cpu")
    with pytest.raises(UsageError, match="cuda-graphs need a CUDA device, not 'cpu'"):
        run_as(small(), "cuda-graphs", "cpu")
    assert len(set(WAYS)) == 4

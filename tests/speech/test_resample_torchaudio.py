"""torchaudio as it is here, and small packages of its structure: whole, crippled, absent."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from undrift.common.errors import MissingExtraError
from undrift.speech import torchaudio_compat

OS_ERROR = "raise OSError('libcudart.so.13: cannot open shared object file')"
CUDA = "raise RuntimeError('Detected that PyTorch and TorchAudio were compiled with other CUDA')"
OTHER = "raise RuntimeError('something else')"
Make = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a torchaudio whose loader does as told; whatever was loaded is back afterwards."""
    kept = {name: module for name, module in sys.modules.items() if _is_torchaudio(name)}
    for name in kept:
        del sys.modules[name]

    def make(act: str, folder: str = "_LIB_DIR", branch: bool = True) -> None:
        inner = tmp_path / "torchaudio" / "_extension"
        inner.mkdir(parents=True)
        (inner.parent / "__init__.py").write_text("from torchaudio import _extension\n")
        (inner / "__init__.py").write_text(
            "from torchaudio._extension.utils import load\n_IS_TORCHAUDIO_EXT_AVAILABLE = load()\n"
        )
        (inner / "utils.py").write_text(
            f"from pathlib import Path\n{folder} = Path(__file__).parent\ndef load():\n"
            f"    if {branch} and not {folder}.exists():\n        return False\n"
            f"    {act}\n    return True\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))

    yield make
    for name in [name for name in sys.modules if _is_torchaudio(name)]:
        del sys.modules[name]
    sys.modules.update(kept)


def _is_torchaudio(name: str) -> bool:
    return name.partition(".")[0] == "torchaudio"


def test_what_is_installed_computes() -> None:
    module = torchaudio_compat.load()
    wave = torch.sin(torch.arange(1600) / 10)[None]
    power = module.transforms.Spectrogram(n_fft=64)(wave)
    assert power.shape == (1, 33, 51)
    bin = round(64 / (2 * torch.pi * 10))
    assert power[0, :, 25].argmax() == bin
    assert torchaudio_compat.load() is module


def test_with_its_extension(package: Make) -> None:
    package("pass")
    torchaudio_compat.load()
    assert torchaudio_compat.has_extension()


@pytest.mark.parametrize("act", [OS_ERROR, CUDA])
def test_beside_another_build_of_torch(package: Make, act: str) -> None:
    package(act)
    assert torchaudio_compat.load().__name__ == "torchaudio"
    assert not torchaudio_compat.has_extension()


def test_other_errors_are_not_hidden(package: Make) -> None:
    package(OTHER)
    with pytest.raises(RuntimeError, match="something else"):
        torchaudio_compat.load()


@pytest.mark.parametrize("settings", [{"folder": "_ELSEWHERE"}, {"branch": False}])
def test_a_version_of_another_structure(package: Make, settings: dict[str, object]) -> None:
    package(OS_ERROR, **settings)
    with pytest.raises(MissingExtraError, match="pip install torchaudio --index-url") as caught:
        torchaudio_compat.load()
    assert "libcudart" in str(caught.value) and caught.value.exit_code == 5


def test_absent(package: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(MissingExtraError, match="'torchaudio' is not installed"):
        torchaudio_compat.load()

"""The check of the wheel's contents sees what is missing; and the real wheel passes it."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_wheel", ROOT / ".ci" / "check_wheel.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(".ci/check_wheel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("undrift/__init__.py", "common/a/b.py", "restoration/weights/w.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


GOOD = (
    "undrift/__init__.py",
    "undrift/py.typed",
    "undrift/common/a/b.py",
    "undrift/restoration/weights/w.safetensors",
    "undrift-1.dist-info/licenses/LICENSE",
)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (GOOD, []),
        (GOOD[1:], ["missing: undrift/__init__.py"]),
        (GOOD[:3] + GOOD[4:], ["missing: undrift/restoration/weights/w.safetensors"]),
        (GOOD[:4], ["missing: LICENSE"]),
        ((*GOOD, "common/a/b.py"), ["outside undrift/: common/a/b.py"]),
    ],
)
def test_problems(
    check: ModuleType, checkout: Path, names: tuple[str, ...], said: list[str]
) -> None:
    wheel = checkout / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    assert check.problems(wheel, checkout) == said


@pytest.mark.slow
def test_the_real_wheel(check: ModuleType, tmp_path: Path) -> None:
    if not (ROOT / "common" / "__init__.py").is_file():
        pytest.skip("needs a checkout; .ci/run checks the wheel it builds")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    assert check.problems(wheel, ROOT) == []

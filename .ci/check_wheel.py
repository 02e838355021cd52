"""Checks that a wheel of undrift holds every file it should, and nothing else.

python .ci/check_wheel.py dist/undrift-0.1.0-py3-none-any.whl [CHECKOUT]
"""

import sys
import zipfile
from pathlib import Path

FOLDERS = ("common", "medical", "restoration", "scientific", "speech", "data_cards")
SUFFIXES = {".py", ".yaml", ".md", ".safetensors", ".html", ".j2", ".json", ".txt"}


def expected(checkout: Path) -> set[str]:
    """Names in the wheel of every source and data file of the checkout."""
    names = {f"undrift/{path.name}" for path in (checkout / "undrift").glob("*.py")}
    names.add("undrift/py.typed")
    for folder in FOLDERS:
        for path in (checkout / folder).rglob("*"):
            if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                names.add(f"undrift/{path.relative_to(checkout).as_posix()}")
    return names


def problems(wheel: Path, checkout: Path) -> list[str]:
    """What is wrong with the wheel, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
    inside = {name for name in files if ".dist-info/" not in name}
    found = [f"missing: {name}" for name in sorted(expected(checkout) - inside)]
    found += [f"outside undrift/: {name}" for name in sorted(inside) if name[:8] != "undrift/"]
    found += [f"twice: {name}" for name in sorted(inside) if files.count(name) > 1]
    found += [
        f"should not ship: {n}" for n in sorted(inside) if "__pycache__" in n or "tests/" in n
    ]
    if not any(name.endswith("licenses/LICENSE") for name in files):
        found.append("missing: LICENSE")
    return found


def main() -> int:
    """Prints the problems; 0 if there are none."""
    wheel = Path(sys.argv[1])
    checkout = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).resolve().parents[1])
    found = problems(wheel, checkout)
    for line in found:
        print(line)
    print(f"{wheel.name}: {len(found)} problems, {wheel.stat().st_size / 1e6:.1f} MB")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

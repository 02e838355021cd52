"""A command on volumes in a process of its own that is killed before one of its network calls."""

import signal
import subprocess
import sys

_SCRIPT = """
import os, signal, sys
from undrift.cli import main
from undrift.medical.tiles import Tiled3D
inner, left = Tiled3D._estimated, [int(sys.argv[1])]
def counted(self, *given):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return inner(self, *given)
Tiled3D._estimated = counted
sys.exit(main(sys.argv[2:]))
"""


def killed_after(calls: int, words: list[str], environment: dict[str, str]) -> None:
    """Runs `undrift WORDS`, which must die by SIGKILL after so many network calls."""
    command = [sys.executable, "-c", _SCRIPT, str(calls), *words]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


def run_again(words: list[str], environment: dict[str, str]) -> str:
    """Runs `undrift WORDS` to its end; what it said on stderr."""
    command = [sys.executable, "-m", "undrift.cli", *words]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stderr

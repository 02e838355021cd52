"""Starts `undrift` quickly and often: imports once, then forks a process for each call.

Reads a JSON list of arguments a line; prints the process number, and when it has ended its code.
"""

import json
import os
import sys

import torch

import undrift.common.runner
import undrift.restoration.cli
import undrift.restoration.tasks
import undrift.restoration.work  # noqa: F401
from undrift.cli import main


def serve() -> None:
    """Until the end of stdin."""
    torch.set_num_threads(1)  # no threads yet, so forks are whole
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = main(json.loads(line))
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()

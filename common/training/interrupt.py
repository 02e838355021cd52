"""Ctrl-C and SIGTERM ask a run to stop after the step in progress, so that no step is half done."""

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import Accelerator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Context in which the signals are only noted; a second one stops a single process at once.

    Several processes agree: all stop after the same step, whichever got the signal (a launcher
    sends it once more to each, which must not cut their last step).
    """

    def __init__(self, accelerator: "Accelerator"):
        self.accelerator = accelerator
        self._noted = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {name: signal.signal(name, self._note) for name in _SIGNALS}
        return self

    def __exit__(self, *problem: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._noted and self.accelerator.num_processes == 1:
            raise KeyboardInterrupt
        self._noted = True

    def asked(self) -> bool:
        """Whether to stop now; to be called by every process after every step."""
        if self.accelerator.num_processes == 1:
            return self._noted
        if self._noted:
            self.accelerator.set_trigger()
        return self.accelerator.check_trigger()

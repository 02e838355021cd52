"""Signals in tests that start processes."""

import signal


def hear_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background is born deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

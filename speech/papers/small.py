"""The recipes of papers made small: the same process, loss and sampler, a network for a minute.

32 bins, windows of 32 frames, and an NCSN++ of two levels and 8 channels (50 000 parameters). The
factor makes up for the shorter window, whose sums are smaller: .15 (510/62)^.5.
"""

from pathlib import Path

STEPS = 240
_SHARED = (
    "data.source.card=null",
    "data.source.split=null",
    "data.seconds=0.062",
    "signal.spectrogram.n_fft=62",
    "signal.spectrogram.hop=32",
    "signal.spectrogram.factor=0.43",
    f"schedule.iterations={STEPS}",
    "schedule.batch=4",
    "schedule.rate=2e-3",
    "schedule.ema=0.98",
    "schedule.clip=1",
    "schedule.workers=0",
    "schedule.save_every=1000",
)


def tiny(name: str, pairs: Path) -> tuple[str, ...]:
    """Assignments that make a shipped recipe small; pairs: a folder with clean/ and noisy/."""
    nets = ("denoiser", "score") if name == "storm" else ("backbone",)
    shapes = (
        f"network.params.{net}.{key}"
        for net in nets
        for key in ("width=8", "rows=32", "multipliers=[1,2]", "depth=1", "attention=[]")
    )
    return (f"data.source.root={pairs}", *_SHARED, *shapes)

"""Short-time objective intelligibility, 0 to 1: STOI (Taal and others 2011) and ESTOI (Jensen and
Taal 2016).

Both signals go to 10 kHz; frames (256 samples, half overlap) whose reference is more than 40 dB
below its loudest are cut out. The spectra of 512 points are summed in 15 third-octave bands from
150 Hz, and their roots X(j, t) compared in segments of 30 frames (384 ms):

    STOI  for each band: Y is scaled to the energy of X, clipped at X (1 + 10^(15/20)) (eq. 3);
          mean of the correlations of X and Y over time (eqs. 5, 6).
    ESTOI segments are normalised (mean 0, norm 1) along time for each band, then along bands for
          each frame (eqs. 1-4); mean of the correlations of X and Y over bands (eqs. 5, 6).

Resampling is Octave's, as in the authors' program: a Kaiser window of 60 dB.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.metrics.signals import framed, per_channel

RATE, FRAME, HOP, POINTS = 10_000, 256, 128, 512
BANDS, LOWEST = 15, 150.0
SEGMENT = 30  # frames
RANGE = 40.0  # dB below the loudest frame
CLIP = 1 + 10 ** (15 / 20)
EPS = np.finfo(np.float64).eps
SHORTEST = (SEGMENT + 1) * HOP / RATE  # seconds of speech


def stoi(reference: Any, estimate: Any, rate: float) -> float:
    """STOI of signals (n,) or (channels, n) at `rate` Hz, mean over channels.

    Raises InputError for shapes that differ, values that are not finite, and less than 0.4 s of
    speech in the reference.
    """
    return per_channel(lambda s, e: _stoi(*_segments(s, e, rate)), reference, estimate)


def estoi(reference: Any, estimate: Any, rate: float) -> float:
    """ESTOI; arguments and errors as `stoi`."""
    return per_channel(lambda s, e: _estoi(*_segments(s, e, rate)), reference, estimate)


def _stoi(x: np.ndarray, y: np.ndarray) -> float:
    norm_x, norm_y = (np.linalg.norm(z, axis=-1, keepdims=True) for z in (x, y))
    clipped = np.minimum(y * norm_x / (norm_y + EPS), x * CLIP)
    return float((_normal(x, -1) * _normal(clipped, -1)).sum(axis=-1).mean())


def _estoi(x: np.ndarray, y: np.ndarray) -> float:
    x, y = (_normal(_normal(z, -1), -2) for z in (x, y))
    return float((x * y).sum(axis=(-2, -1)).mean() / SEGMENT)


def _segments(s: np.ndarray, e: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """X and Y as (segments, bands, frames)."""
    s, e = _spoken(_resampled(s, rate), _resampled(e, rate))
    if len(s) <= FRAME + (SEGMENT - 1) * HOP:
        raise InputError(
            f"{len(s) / RATE:.2f} s of speech in the reference; STOI needs {SHORTEST:.2f} s or more"
        )
    return _in_segments(_bands(s)), _in_segments(_bands(e))


def _resampled(signal: np.ndarray, rate: float) -> np.ndarray:
    """`signal` at 10 kHz."""
    from scipy.signal import resample_poly
    from scipy.signal.windows import kaiser

    if rate == RATE:
        return signal
    ratio = Fraction(RATE) / Fraction(rate)
    up, down = ratio.numerator, ratio.denominator
    edge = 0.5 / max(up, down)  # cycles per sample of the upsampled signal
    half = int(np.ceil((60 - 8) / (28.714 * edge / 10)))
    taps = np.sinc(2 * edge * np.arange(-half, half + 1))
    taps *= kaiser(2 * half + 1, 0.1102 * (60 - 8.7))
    return resample_poly(signal, up, down, window=taps / taps.sum())


def _spoken(s: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both signals without the frames in which the reference is silent."""
    window = np.hanning(FRAME + 2)[1:-1]
    if len(s) <= FRAME:
        return s[:0], e[:0]
    frames, others = (window * framed(z[:-1], FRAME, HOP) for z in (s, e))  # theirs, see _bands
    levels = 20 * np.log10(np.linalg.norm(frames, axis=1) + EPS)
    kept = levels > levels.max() - RANGE
    return _joined(frames[kept]), _joined(others[kept])


def _joined(frames: np.ndarray) -> np.ndarray:
    """Overlap and add."""
    signal = np.zeros((len(frames) - 1) * HOP + FRAME)
    for k, frame in enumerate(frames):
        signal[k * HOP : k * HOP + FRAME] += frame
    return signal


def _bands(signal: np.ndarray) -> np.ndarray:
    """Roots of the energies (bands, frames)."""
    window = np.hanning(FRAME + 2)[1:-1]
    # The authors' loop ends before the last frame that would just fit.
    spectrum = np.fft.rfft(window * framed(signal[:-1], FRAME, HOP), POINTS)
    frequencies = np.arange(POINTS // 2 + 1) * RATE / POINTS
    centres = LOWEST * 2 ** (np.arange(BANDS) / 3)
    power = np.abs(spectrum) ** 2
    edges = [_nearest(frequencies, centres * 2 ** (shift / 6)) for shift in (-1, 1)]
    sums = [power[:, low:high].sum(axis=1) for low, high in zip(*edges, strict=True)]
    return np.sqrt(np.stack(sums))


def _nearest(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.abs(values[:, None] - wanted).argmin(axis=0)


def _in_segments(bands: np.ndarray) -> np.ndarray:
    view = np.lib.stride_tricks.sliding_window_view(bands, SEGMENT, axis=1)
    return view.transpose(1, 0, 2)


def _normal(values: np.ndarray, axis: int) -> np.ndarray:
    centred = values - values.mean(axis=axis, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=axis, keepdims=True) + EPS)

"""Two terms of the training loss that count what a listener hears, from waves (b, samples).

Both follow metrics of `undrift.speech.metrics`, with what a gradient needs:

    estoi_distance   1 - extended STOI (Jensen & Taal 2016, Eqs. 1-6), 15 third-octave bands from
                     150 Hz, segments of 30 frames of 25.6 ms, at the signal's own rate
    log_distance     mean over frames of the root mean square over frequencies of the difference of
                     10 lg(P + floor), in dB; the floor is 60 dB below the loudest of the truth

Plain squared error is least for an estimate that fades where the speech is unsure; both terms
count that as a fault.
"""

import torch
from torch import Tensor

_BANDS, _LOWEST, _SEGMENT = 15, 150.0, 30
_RANGE = 40.0  # dB below the loudest frame
_FLOOR = 1e-6  # of the loudest power
_EPS = 1e-8


def estoi_distance(made: Tensor, true: Tensor, rate: int) -> Tensor:
    """The mean of 1 - ESTOI over the items with at least 30 frames of speech; 0 if none has."""
    frame = round(0.0256 * rate)
    window = torch.hann_window(frame + 2, periodic=False, device=made.device)[1:-1]
    power = _power(torch.cat([made, true]), 2 * frame, frame // 2, window)
    bands = (_third_octaves(rate, 2 * frame).to(power) @ power + _EPS).sqrt()
    levels = 10 * torch.log10(power.chunk(2)[1].sum(1) + _EPS)
    spoken = levels > levels.amax(1, keepdim=True) - _RANGE
    distances = []
    for estimate, truth, kept in zip(*bands.chunk(2), spoken, strict=True):
        if int(kept.sum()) >= _SEGMENT:
            segments = (_segments(estimate[:, kept]), _segments(truth[:, kept]))
            x, y = (_normal(_normal(z, -1), -2) for z in segments)
            distances.append(1 - (x * y).sum((-2, -1)).mean() / _SEGMENT)
    return torch.stack(distances).mean() if distances else made.new_zeros(())


def log_distance(made: Tensor, true: Tensor, rate: int) -> Tensor:
    """Log-spectral distance in dB, the mean over items and frames."""
    frame = round(0.032 * rate)
    window = torch.hann_window(frame, device=made.device)
    first, second = _power(torch.cat([made, true]), frame, frame // 4, window).chunk(2)
    floor = _FLOOR * second.amax((1, 2), keepdim=True) + _EPS
    difference = 10 * torch.log10((first + floor) / (second + floor))
    return (difference.square().mean(1) + _EPS).sqrt().mean()


def _power(waves: Tensor, points: int, hop: int, window: Tensor) -> Tensor:
    """(b, frequencies, frames)."""
    spectrum = torch.stft(waves, points, hop, len(window), window, center=True, return_complex=True)
    return spectrum.real.square() + spectrum.imag.square()


def _third_octaves(rate: int, points: int) -> Tensor:
    """(bands, frequencies): which frequency belongs to which band; those below half the rate."""
    frequencies = torch.arange(points // 2 + 1) * (rate / points)
    centres = _LOWEST * 2 ** (torch.arange(_BANDS) / 3)
    edge = 2 ** (1 / 6)
    centres = centres[centres * edge < rate / 2][:, None]
    return ((frequencies >= centres / edge) & (frequencies < centres * edge)).float()


def _segments(bands: Tensor) -> Tensor:
    """(bands, frames) -> (segments, bands, 30)."""
    return bands.unfold(1, _SEGMENT, 1).transpose(0, 1)


def _normal(values: Tensor, dim: int) -> Tensor:
    """Mean 0 and norm 1 along `dim`; nearly constant rows stay small instead of blowing up."""
    centred = values - values.mean(dim, keepdim=True)
    size = centred.square().sum(dim, keepdim=True)
    return centred / (size + 1e-6 * values.square().sum(dim, keepdim=True) + _EPS**2).sqrt()

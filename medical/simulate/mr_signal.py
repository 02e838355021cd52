"""The MR picture of a phantom under a protocol, before any scanner's defects.

A voxel is the sum over tissues of membership times signal, in magnitude. A subject's tissues are
the table's times factors of its own (law: spread, t1, t2, pd), and within a tissue T1, T2 and PD
vary smoothly and with a fine grain (law: variation). The variation enters to first order,

    S_tissue(p) = S + dS/dlnT1 v_1(p) + dS/dlnT2 v_2(p) + S v_3(p),

with the slopes of the closed form, so that contrasts of one subject vary together as they should.
"""

import math
import zlib
from dataclasses import replace

import numpy as np

from undrift.medical.simulate.anatomy import Phantom
from undrift.medical.simulate.fields import Array, stream
from undrift.medical.simulate.mr_contrasts import Protocol, find_protocol, tissue_signal
from undrift.medical.simulate.mr_tissues import Table, Tissue, table
from undrift.medical.volumes.volume import Volume

_STEP = 1e-3  # of the logarithm, for slopes
_STEADY = {"csf": 0.25, "ventricle": 0.25, "blood": 0.25}  # fluids vary less within themselves


def subject_tissues(phantom: Phantom, tesla: float = 1.5) -> Table:
    """The tissues of a subject: those of the table with its own factors."""
    law, out = phantom.law, {}
    for name, tissue in table(tesla).items():
        rng = stream(phantom.seed, f"relaxation of {'csf' if name == 'ventricle' else name}")
        t1, t2, pd = 1 + law.spread * np.clip(rng.standard_normal(3), -2.5, 2.5)
        out[name] = replace(
            tissue,
            t1=float(tissue.t1 * t1 * law.t1),
            t2=float(tissue.t2 * t2 * law.t2),
            t2s=float(tissue.t2s * t2 * law.t2),
            pd=float(tissue.pd * pd * law.pd),
        )
    return out


def subject_protocol(phantom: Phantom, protocol: str | Protocol) -> Protocol:
    """The protocol with the times of this subject's scanner (law: timing)."""
    found = find_protocol(protocol)
    rng = stream(phantom.seed, f"timing {zlib.crc32(repr(found).encode())}")
    return found.timed(float(rng.uniform(*phantom.law.timing)))


def signal(phantom: Phantom, protocol: str | Protocol, tesla: float = 1.5) -> Volume:
    """The volume (x, y, z) of a protocol: magnitudes of 0 and more, in units of proton density.

    Raises UsageError for an unknown protocol, InputError for a field beyond 3 T.
    """
    tissues, timed = subject_tissues(phantom, tesla), subject_protocol(phantom, protocol)
    fluid = table(tesla)["csf"].t1  # what the scanner means to null, not what this subject has
    share = np.float32(phantom.law.variation)
    total = np.zeros(phantom.grid, np.float32)
    slow, other = phantom.variation
    for name, member in phantom.memberships.items():
        value, by_t1, by_t2 = _slopes(tissues[name], timed, fluid)
        if not (value or by_t1 or by_t2):
            continue
        if share:
            scale = share * np.float32(_STEADY.get(name, 1.0))
            # v_1 = slow, v_2 = (slow + other) / sqrt 2, v_3 = other / 3
            first = np.float32(by_t1 + by_t2 / math.sqrt(2)) * scale
            second = np.float32(by_t2 / math.sqrt(2) + value / 3) * scale
            total += member * (np.float32(value) + first * slow + second * other)
        else:
            total += member * np.float32(value)
    return Volume(np.abs(total), phantom.affine.copy())


def contrast_arrays(
    phantom: Phantom, *protocols: str | Protocol, tesla: float = 1.5
) -> list[Array]:
    """The arrays of several protocols of one subject, as networks train on them."""
    return [signal(phantom, protocol, tesla).array for protocol in protocols]


def _slopes(tissue: Tissue, protocol: Protocol, fluid: float) -> tuple[float, float, float]:
    """The signal, and its change with the logarithms of T1 and of T2 (T2* with it)."""

    def at(t1: float, t2: float) -> float:
        changed = replace(
            tissue,
            t1=tissue.t1 * math.exp(t1),
            t2=tissue.t2 * math.exp(t2),
            t2s=tissue.t2s * math.exp(t2),
        )
        return tissue_signal(changed, protocol, fluid)

    by_t1 = (at(_STEP, 0) - at(-_STEP, 0)) / (2 * _STEP)
    by_t2 = (at(0, _STEP) - at(0, -_STEP)) / (2 * _STEP)
    return at(0, 0), by_t1, by_t2

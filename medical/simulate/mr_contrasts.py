"""What a sequence of pulses makes of a tissue: signals in closed form, in units of proton density.

With E1 = exp(-TR / T1), times in ms, flip angles a in degrees:

    spin echo   PD (1 - 2 exp(-(TR - TE/2) / T1) + E1) exp(-TE / T2)
    FLAIR       PD (1 - 2 exp(-TI / T1) + 2 exp(-(TR - TE/2) / T1) - E1) exp(-TE / T2)
    SPGR        PD sin a (1 - E1) / (1 - E1 cos a) exp(-TE / T2*)
    bSSFP       PD sin a (1 - E1) / (1 - (E1 - E2) cos a - E1 E2) exp(-TE / T2)
    DWI         the spin echo times exp(-b ADC)

(Bernstein, King, Zhou, Handbook of MRI Pulse Sequences, chapters 14 to 17.) MPRAGE is the fixed
point of affine maps of the longitudinal magnetisation: inversion M -> (1 - 2 eff) M, recovery over
d M -> 1 - (1 - M) exp(-d / T1), n pulses M -> r^n M + M_ss (1 - r^n) with r = cos a exp(-tau / T1)
and M_ss = (1 - exp(-tau / T1)) / (1 - r). Signals are signed: a voxel of two tissues of opposite
sign is darker than both, as in a scanner; magnitudes are taken of the sum.
"""

import math
from dataclasses import dataclass, replace

from undrift.common.errors import InputError, UsageError, nearest
from undrift.medical.simulate.mr_tissues import Table, Tissue


@dataclass(frozen=True)
class Protocol:
    """A sequence and its times in ms. kind: a name in KINDS.

    ti: inversion time; None, for FLAIR, nulls the fluid of the tissue table. flip: degrees.
    echo_spacing, pulses, efficiency: of MPRAGE. b: s/mm2. Moving blood is dark in spin echoes.
    """

    kind: str
    tr: float
    te: float
    ti: float | None = None
    flip: float = 90.0
    echo_spacing: float = 7.1
    pulses: int = 160
    efficiency: float = 1.0
    b: float = 0.0

    def timed(self, factor: float) -> "Protocol":
        """The same sequence with TR, TE and TI times `factor`."""
        ti = None if self.ti is None else self.ti * factor
        return replace(self, tr=self.tr * factor, te=self.te * factor, ti=ti)


PROTOCOLS = {
    "t1-se": Protocol("spin-echo", 500, 15),
    "pd-se": Protocol("spin-echo", 3000, 15),
    "t2-se": Protocol("spin-echo", 4500, 95),
    "flair": Protocol("flair", 9000, 110),
    "spgr": Protocol("spgr", 18, 5, flip=30),
    "mprage": Protocol("mprage", 2300, 3, ti=900, flip=9),
    "bssfp": Protocol("bssfp", 5, 2.5, flip=45),
    "dwi": Protocol("dwi", 6000, 90, b=1000),
}
FLOW = 0.15  # what a spin echo sees of moving blood, which left the slice between its pulses


def spin_echo(tissue: Tissue, tr: float, te: float) -> float:
    """Signal of a spin echo."""
    t1 = tissue.t1
    z = 1 - 2 * math.exp(-(tr - te / 2) / t1) + math.exp(-tr / t1)
    return tissue.pd * z * math.exp(-te / tissue.t2)


def inversion_recovery(tissue: Tissue, tr: float, te: float, ti: float) -> float:
    """Signed signal of an inversion-recovery spin echo."""
    t1 = tissue.t1
    z = 1 - 2 * math.exp(-ti / t1) + 2 * math.exp(-(tr - te / 2) / t1) - math.exp(-tr / t1)
    return tissue.pd * z * math.exp(-te / tissue.t2)


def null_ti(t1: float, tr: float) -> float:
    """The inversion time at which a tissue is dark (TE far below TR): T1 (ln 2 - ln(1 + E1))."""
    return t1 * (math.log(2) - math.log1p(math.exp(-tr / t1)))


def spgr(tissue: Tissue, tr: float, te: float, flip: float) -> float:
    """Signal of a spoiled gradient echo (FLASH)."""
    a, e1 = math.radians(flip), math.exp(-tr / tissue.t1)
    echo = math.exp(-te / tissue.t2s)
    return tissue.pd * math.sin(a) * (1 - e1) / (1 - math.cos(a) * e1) * echo


def bssfp(tissue: Tissue, tr: float, te: float, flip: float) -> float:
    """Signal of a balanced steady state on resonance, alternating pulses."""
    a, e1, e2 = math.radians(flip), math.exp(-tr / tissue.t1), math.exp(-tr / tissue.t2)
    bottom = 1 - (e1 - e2) * math.cos(a) - e1 * e2
    return tissue.pd * math.sin(a) * (1 - e1) / bottom * math.exp(-te / tissue.t2)


def mprage(tissue: Tissue, protocol: Protocol) -> float:
    """Signed signal of the pulse at the centre of k-space, number pulses // 2 from 0.

    Raises InputError where the train of pulses does not fit between inversions.
    """
    p, t1, centre = protocol, tissue.t1, protocol.pulses // 2
    before = (p.ti or 0.0) - centre * p.echo_spacing
    after = p.tr - before - p.pulses * p.echo_spacing
    if before <= 0 or after <= 0:
        raise InputError(
            f"MPRAGE of {p.pulses} pulses every {p.echo_spacing:g} ms does not fit into TI {p.ti} "
            f"and TR {p.tr:g} ms"
        )
    a = math.radians(p.flip)
    e = math.exp(-p.echo_spacing / t1)
    r = math.cos(a) * e
    steady = (1 - e) / (1 - r)
    wait, rest = math.exp(-before / t1), math.exp(-after / t1)
    gain, shift = (1 - 2 * p.efficiency) * wait, 1 - wait  # from an inversion to the first pulse
    train = r**p.pulses
    whole_gain = rest * train * gain
    whole_shift = rest * (train * shift + steady * (1 - train)) + 1 - rest
    start = whole_shift / (1 - whole_gain)
    z = r**centre * (gain * start + shift) + steady * (1 - r**centre)
    return tissue.pd * math.sin(a) * z * math.exp(-p.te / tissue.t2s)


def tissue_signal(tissue: Tissue, protocol: Protocol, fluid_t1: float = 2569.0) -> float:
    """The signed signal of one tissue. fluid_t1: the T1 in ms that FLAIR without a TI nulls."""
    p = protocol
    if p.kind == "mprage":
        return mprage(tissue, p)
    if p.kind == "spgr":
        return spgr(tissue, p.tr, p.te, p.flip)
    if p.kind == "bssfp":
        return bssfp(tissue, p.tr, p.te, p.flip)
    flow = FLOW if tissue.flowing else 1.0
    if p.kind == "flair":
        ti = null_ti(fluid_t1, p.tr) if p.ti is None else p.ti
        return flow * inversion_recovery(tissue, p.tr, p.te, ti)
    if p.kind == "spin-echo":
        return flow * spin_echo(tissue, p.tr, p.te)
    if p.kind == "dwi":
        return flow * spin_echo(tissue, p.tr, p.te) * math.exp(-p.b * tissue.adc)
    raise UsageError(f"unknown kind of sequence {p.kind!r}; known: {', '.join(KINDS)}")


KINDS = ("spin-echo", "flair", "spgr", "mprage", "bssfp", "dwi")


def find_protocol(protocol: str | Protocol) -> Protocol:
    """A protocol by name. Raises UsageError with the nearest name for an unknown one."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise UsageError(
            f"unknown protocol {protocol!r}{nearest(protocol, PROTOCOLS)}; known: "
            f"{', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[protocol]


def signals(tissues: Table, protocol: str | Protocol) -> dict[str, float]:
    """Tissue -> its signed signal."""
    found, fluid = find_protocol(protocol), tissues["csf"].t1
    return {name: tissue_signal(tissue, found, fluid) for name, tissue in tissues.items()}

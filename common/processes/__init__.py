"""Gaussian paths between a clean and a degraded signal, one file a paper.

`PROCESSES` is the one table from names (as recipes and weight headers write them) to classes.
"""

from undrift.common.errors import InputError, nearest
from undrift.common.processes.bbed import BBED as BBED
from undrift.common.processes.brownian_bridge import BrownianBridge as BrownianBridge
from undrift.common.processes.cold_diffusion import ColdDiffusion as ColdDiffusion
from undrift.common.processes.consecutive_bridge import ConsecutiveBridge as ConsecutiveBridge
from undrift.common.processes.denoising_sde import DenoisingSDE as DenoisingSDE
from undrift.common.processes.flow import Flow as Flow
from undrift.common.processes.foellmer import Foellmer as Foellmer
from undrift.common.processes.i2sb import I2SB as I2SB
from undrift.common.processes.mean_reverting import MeanReverting as MeanReverting
from undrift.common.processes.ouve import OUVE as OUVE
from undrift.common.processes.process import Process as Process
from undrift.common.processes.rddm import RDDM as RDDM
from undrift.common.processes.resfusion import Resfusion as Resfusion
from undrift.common.processes.residual_shift import ResidualShift as ResidualShift
from undrift.common.processes.schroedinger_bridge import SchroedingerBridge as SchroedingerBridge
from undrift.common.processes.selfrdb import SelfRDB as SelfRDB
from undrift.common.processes.stochastic_interpolant import (
    StochasticInterpolant as StochasticInterpolant,
)
from undrift.common.processes.variance_exploding import VarianceExploding as VarianceExploding
from undrift.common.processes.variance_preserving import VariancePreserving as VariancePreserving

PROCESSES: dict[str, type[Process]] = {
    "residual-shift": ResidualShift,
    "mean-reverting": MeanReverting,
    "brownian-bridge": BrownianBridge,
    "variance-preserving": VariancePreserving,
    "flow": Flow,
    "rddm": RDDM,
    "resfusion": Resfusion,
    "i2sb": I2SB,
    "consecutive-bridge": ConsecutiveBridge,
    "stochastic-interpolant": StochasticInterpolant,
    "foellmer": Foellmer,
    "ouve": OUVE,
    "schroedinger-bridge": SchroedingerBridge,
    "variance-exploding": VarianceExploding,
    "bbed": BBED,
    "selfrdb": SelfRDB,
    "denoising-sde": DenoisingSDE,
    "cold-diffusion": ColdDiffusion,
}


def build_process(name: str, params: dict[str, object]) -> Process:
    """Builds a process from a name and its parameters; raises InputError for an unknown one."""
    if name not in PROCESSES:
        raise InputError(
            f"process {name!r} is not one of {', '.join(PROCESSES)}{nearest(name, PROCESSES)}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
    try:
        return PROCESSES[name](**values)
    except TypeError as error:
        fields = ", ".join(PROCESSES[name].__dataclass_fields__)
        raise InputError(f"process {name}: {error}; its parameters are {fields}") from error

"""Gaussian paths between a clean and a degraded signal, one file a paper.

`PROCESSES` is the one table from names (as recipes and weight headers write them) to classes.
"""

from undrift.common.errors import InputError, nearest
from undrift.common.processes.brownian_bridge import BrownianBridge as BrownianBridge
from undrift.common.processes.flow import Flow as Flow
from undrift.common.processes.mean_reverting import MeanReverting as MeanReverting
from undrift.common.processes.process import Process as Process
from undrift.common.processes.residual_shift import ResidualShift as ResidualShift
from undrift.common.processes.variance_preserving import VariancePreserving as VariancePreserving

PROCESSES: dict[str, type[Process]] = {
    "residual-shift": ResidualShift,
    "mean-reverting": MeanReverting,
    "brownian-bridge": BrownianBridge,
    "variance-preserving": VariancePreserving,
    "flow": Flow,
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

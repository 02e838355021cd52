"""The eight processes on which every solver is measured."""

from oracles import EVERY

from undrift.common.processes import Process
from undrift.common.processes.ouve import OUVE
from undrift.common.processes.schroedinger_bridge import SchroedingerBridge
from undrift.common.processes.variance_exploding import VarianceExploding

MEASURED: dict[str, Process] = {
    **EVERY,
    "VE": VarianceExploding(),
    "OUVE": OUVE(),
    "SB-VE": SchroedingerBridge(),
}

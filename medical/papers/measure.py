"""What the tables and the smoke runs of papers on MRI and CT measure."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Measured, Task


def lefusion(task: Task) -> Iterator[Measured]:
    """The tables of `lefusion.PAPER`."""
    from undrift.medical.papers.lefusion_smoke import measure

    return measure(task)


def drdm(task: Task) -> Iterator[Measured]:
    """The tables of `drdm.PAPER`."""
    from undrift.medical.papers.drdm_runs import folding, smoke

    return smoke(task) if task.smoke else folding(task)


def medforj(task: Task) -> Iterator[Measured]:
    """The smoke table of `medforj.PAPER`; its other one needs what is not here."""
    from undrift.medical.papers.medforj_smoke import measure

    return measure(task)


def selfrdb(task: Task) -> Iterator[Measured]:
    """The tables of `selfrdb.PAPER`."""
    from undrift.medical.papers.selfrdb_runs import pairs, smoke

    return smoke(task) if task.smoke else pairs(task)


def ads(task: Task) -> Iterator[Measured]:
    """The smoke table of `ads.PAPER`: particles that differ in one column are told apart there."""
    import torch

    from undrift.medical.mri.scores import best_columns

    right = 0
    for column in range(8):
        kspace = torch.zeros(2, 1, 6, 8, dtype=torch.complex64)
        kspace.real[0, 0, 2, column] = 1.0
        (found,) = best_columns(kspace, torch.zeros(8, dtype=torch.bool), 1, "gmm_entropy", 0.5)
        right += found == column
    yield Measured("smoke", "two particles", "columns chosen right, of 8", right)

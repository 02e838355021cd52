"""What the tables and the smoke runs of papers on cubes and fields measure."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Measured, Task


def hir_diff(task: Task) -> Iterator[Measured]:
    """The tables of `hir_diff.PAPER`."""
    from undrift.scientific.papers import hir_diff_runs, hir_diff_smoke

    return hir_diff_smoke.smoke(task) if task.smoke else hir_diff_runs.tables(task)


def hsi_diffusion(task: Task) -> Iterator[Measured]:
    """The tables of `hsi_diffusion.PAPER`."""
    from undrift.scientific.papers import hsi_diffusion_runs, hsi_diffusion_smoke

    return hsi_diffusion_smoke.smoke(task) if task.smoke else hsi_diffusion_runs.tables(task)


def corrdiff(task: Task) -> Iterator[Measured]:
    """The tables of `corrdiff.PAPER`."""
    from undrift.scientific.papers import corrdiff_runs, corrdiff_smoke

    return corrdiff_smoke.smoke(task) if task.smoke else corrdiff_runs.tables(task)


def multimodal(task: Task) -> Iterator[Measured]:
    """The tables of `multimodal.PAPER`."""
    from undrift.scientific.papers import multimodal_runs, multimodal_smoke

    return multimodal_smoke.smoke(task) if task.smoke else multimodal_runs.tables(task)

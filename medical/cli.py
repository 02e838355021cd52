"""The group `undrift medical`; its commands are imported when they are called."""

from pathlib import Path

import click

from undrift.common.lazy_group import LazyGroup
from undrift.medical.notice import NOTICE

# name -> (module, attribute, one line of help). The packages are not named as the task calls of
# `undrift.medical`: importing a package sets its name there, and would hide the call.
_PLANNED = {
    "translate": ("undrift.medical.tasks_cli", "translate", "Another contrast of a volume."),
    "denoise": ("undrift.medical.tasks_cli", "denoise", "Low-dose CT, MR with Rician noise."),
    "sr": ("undrift.medical.tasks_cli", "sr", "Thick slices to finer voxels."),
    "recon-mri": ("undrift.medical.mri.cli", "recon_mri", "MR volumes from k-space."),
    "recon-ct": ("undrift.medical.ct.cli", "recon_ct", "CT volumes from sinograms."),
    "generate": ("undrift.medical.generation.cli", "generate", "Draw volumes of a model."),
    "lesion": ("undrift.medical.lesions.cli", "lesion", "Put lesions into volumes."),
    "deform": ("undrift.medical.deformation.cli", "deform", "Other shapes of a volume."),
    "acquire": ("undrift.medical.mri.acquire_cli", "acquire", "Choose k-space lines as they come."),
    "check": ("undrift.medical.honesty.cli", "check", "What went and came between two volumes."),
    "nearest": ("undrift.medical.honesty.nearest_cli", "nearest", "Is a sample a training volume?"),
    "simulate": ("undrift.medical.simulate.cli", "simulate", "Phantoms and their scans."),
    "benchmark": ("undrift.medical.benchmark.cli", "benchmark", "Measure methods on phantoms."),
}


def _is_here(module: str) -> bool:
    path = Path(__file__).parent.joinpath(*module.split(".")[2:])
    return path.with_suffix(".py").is_file()


COMMANDS = {name: entry for name, entry in _PLANNED.items() if _is_here(entry[0])}


@click.group(cls=LazyGroup, table=COMMANDS, epilog=NOTICE)
def medical() -> None:
    """MRI and CT in three dimensions: geometry, units and header stay those of the input.

    \b
    undrift medical denoise lowdose.nii.gz -o clean.nii.gz --kind ct
    undrift medical translate t1/ -o t2/ --target t2
    """

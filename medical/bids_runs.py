"""A run over a data set of BIDS: which images it takes, and where their derivatives go."""

from dataclasses import dataclass, replace
from pathlib import Path

from undrift.common.errors import InputError, UsageError
from undrift.common.items import Item
from undrift.common.run_options import RunOptions
from undrift.medical.volumes.bids import derivative, find_raw, parse_bids, start_derivatives

DESC = {"translate": "synth", "denoise": "denoised", "sr": "superres"}
SUFFIXES = {"t2": "T2w", "t1": "T1w", "pd": "PDw", "flair": "FLAIR", "ct": "ct"}


@dataclass(frozen=True)
class BidsPlace:
    """Item -> path of its derivative below the folder of derivatives.

    desc: of all. suffix: of the output where it is another contrast. Raises InputError as
    `derivative` does.
    """

    desc: str
    suffix: str | None = None
    allow_ct: bool = False

    def __call__(self, item: Item) -> Path:
        """The path of an item."""
        return derivative(parse_bids(item.source), self.desc, self.suffix, self.allow_ct).path


def bids_options(
    options: RunOptions, participants: tuple[str, ...], suffix: str | None, default: str
) -> tuple[RunOptions, Path] | None:
    """The same with the images of a data set as inputs, and its root; None where none was asked.

    participants: "01" or "sub-01", () for all. suffix: of the images; `default` where None.
    Raises UsageError for more than one input or an output that names a file, InputError for what is
    no data set of BIDS, or has no such image.
    """
    if not participants and suffix is None:
        return None
    if len(options.inputs) != 1 or options.output.suffix:
        raise UsageError(
            "--participant-label and --bids-suffix take one INPUT, the root of a data set of BIDS, "
            "and a folder as output, such as ROOT/derivatives/undrift"
        )
    root = Path(options.inputs[0])
    if not options.dry_run:
        from undrift import __version__

        start_derivatives(root, __version__, folder=options.output)
    found = find_raw(root, participants, suffix or default)
    if not found:
        raise InputError(f"{root}: no image sub-*_{suffix or default or '*'}.nii.gz")
    return replace(options, inputs=tuple(str(path) for path in found)), root


def output_suffix(target: str | None) -> str | None:
    """The suffix of BIDS for a contrast such as "t2" or "t2-se"; None for none of its own."""
    return None if target is None else SUFFIXES.get(target.partition("-")[0])

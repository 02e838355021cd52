"""Diffusion weighting beside a series: NAME.bval and NAME.bvec, as FSL, dcm2niix and BIDS keep it.

    .bval    a number for each frame, s/mm^2, in one line
    .bvec    three lines: x, y and z of the unit direction of each frame, along the image's axes

Both are true of every output with the same axes: columns of the frames that are in it are copied as
they are written. Tables that lie on their side (a line for each frame) are copied so.
"""

from collections.abc import Sequence
from pathlib import Path

from undrift.common.files import stem, write_text

KINDS = (".bval", ".bvec")


def copy_gradients(source: Path, target: Path, frames: Sequence[int], count: int) -> list[str]:
    """Writes the tables beside `source` beside `target`, for the `frames` of `count` it holds.

    Returns a sentence for each table that has another number of frames, which is not copied.
    """
    said = []
    for kind in KINDS:
        path, to = (one.with_name(stem(one) + kind) for one in (source, target))
        if not path.is_file() or path.absolute() == to.absolute():
            continue
        table = [line.split() for line in path.read_text(errors="replace").splitlines()]
        table = [row for row in table if row]
        if table and all(len(row) == count for row in table):
            kept = [[row[number] for number in frames] for row in table]
        elif len(table) == count:
            kept = [table[number] for number in frames]
        else:
            wide = len(table[0]) if table else 0
            said.append(
                f"{path.name} has {len(table)} x {wide} numbers for {count} frames and was not "
                "copied"
            )
            continue
        write_text(to, "".join(" ".join(row) + "\n" for row in kept))
    return said

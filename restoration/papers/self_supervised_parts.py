"""What the descriptions of C-BSN, SDAP and ScoreDVI share: needs, and their published table."""

from collections.abc import Sequence

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Kind, Need, Table

SIDD = Need(
    kind="files",
    name="papers/sidd",
    what="SIDD Medium for training, and its validation and benchmark blocks (card `sidd`)",
    how="abdokamel.github.io/sidd; the benchmark is scored by its server only",
)
DND = Need(
    kind="files",
    name="papers/dnd",
    what="the 50 noisy pictures of DND (card `dnd`)",
    how="noise.visinf.tu-darmstadt.de, whose server alone knows the truth",
)
LONG = Need(
    kind="code",
    name="a long training",
    what="weights trained as in the paper: 128 channels, 500 000 steps, on SIDD",
    how="undrift train own-noisy-folder with the paper's settings, days on a GPU; the authors' "
    "weights are not read",
)
CC = Need(
    kind="files",
    name="papers/cc",
    what="the 15 crops of CC and the 100 of PolyU",
    how="linked in the README of github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset",
)
BLIND = Need(
    kind="code",
    name="bias-free blind denoisers",
    what="the three bias-free DnCNN that guess the level of the noise",
    how="not part of undrift; github.com/HUST-IAL/ScoreDVI names them",
)
PAIR = ("fixed pair", "dB above the noisy picture")
SMOKE = (
    "measured here over 3 seeds of the training, none published; the tolerance is twice their "
    "spread. The loss is that of a held-out batch with all terms whole"
)
# As printed in table 1 of the paper AT-BSN (read from a scan whose rows are partly shifted).
PUBLISHED = {
    "BM3D": (25.65, 34.51),
    "C-BSN": (36.82, 38.45),
    "SDAP (E), least printed": (37.24, 37.86),
    "SDAP (E), most printed": (37.53, 38.56),
    "DnCNN, supervised": (37.61, 37.90),
    "DANet, supervised": (39.25, 39.58),
}
TOLERANCE = 0.3  # dB


def published(needs: Sequence[Need]) -> Table:
    """PSNR on the benchmarks of SIDD and DND."""
    figures = [
        Figure(row=row, column=column, value=value, tolerance=TOLERANCE)
        for row, values in PUBLISHED.items()
        for column, value in zip(("SIDD benchmark", "DND"), values, strict=True)
    ]
    return Table(
        name="benchmarks", title="PSNR in dB on real photographs", figures=figures,
        source="table 1 of AT-BSN (CVPR 2024), approximate: read from a scan in which rows are "
        "partly shifted",
        needs=list(needs),
    )  # fmt: skip


def smoke(
    rows: Sequence[tuple[str, str, float, float, Kind]], fall: float | None, source: str
) -> Table:
    """The smoke table: the rows, and where it trains 200 steps or more and a loss that falls."""
    given: list[tuple[str, str, float, float, Kind]] = [
        (*STEPS, 200, 0.0, "at least"), (*FALL, fall, 0.0, "at least"),
    ] if fall else []  # fmt: skip
    given += rows
    return Table(
        name="smoke", title="Noisy synthetic pictures", when="smoke",
        source=source,
        figures=[Figure(row=r, column=c, value=v, tolerance=t, kind=k) for r, c, v, t, k in given],
    )  # fmt: skip

"""What the descriptions of papers on posterior sampling share: needs, and parts of their tables.

Their published tables are of FID and LPIPS on a thousand faces or photographs with large networks.
None of that ships here; what is missing is said. What is measured here are the samplers themselves
on a field whose posterior is known (`known_field`), and one picture with a network that ships.
"""

from collections.abc import Mapping, Sequence

from undrift.common.reproduce.paper import Figure, Kind, Need, Table

FIELD = (
    "the same algorithm written down by somebody else, run on the same field: its law propagated "
    "exactly, or 1000 to 4000 samples. Tolerance: the chance of 600 samples"
)
PICTURE = (
    "bounds. A draw of the posterior has twice the squared error of its mean, so that it is at "
    "most 3.01 dB worse than any estimate, such as the pseudo-inverse; where pixels are missing it "
    "is better than their mean"
)

# What a sampler that fits its measurement does with that picture, and where the bounds come from.
ON_THE_PICTURE: tuple[tuple[str, str, float, float, Kind], ...] = (
    ("super-resolution x4", "dB above A^+ y", -3.01, 0.0, "at least"),
    ("super-resolution x4", "chi", 1.5, 0.0, "at most"),
    ("half the pixels", "dB above A^+ y", 0.0, 0.0, "at least"),
    ("half the pixels", "chi", 1.5, 0.0, "at most"),
)
FITTED = f"field: {FIELD}. Picture: {PICTURE}; the residual is of the order of the noise or smaller"


def weights(file: str, like: str, how: str) -> Need:
    """A checkpoint of guided diffusion, converted."""
    return Need(
        kind="files",
        name=f"papers/guided/{like}.safetensors",
        what=f"the weights {file}",
        how=f"{how}; then undrift models convert {file} {like}.safetensors --like {like}, and put "
        "it there",
    )


def pictures(name: str, what: str, how: str) -> Need:
    """A folder of test pictures."""
    return Need(kind="files", name=f"papers/{name}", what=what, how=how)


PERCEPTION = Need(
    kind="code",
    name="FID and LPIPS",
    what="FID and LPIPS with the authors' Inception and VGG weights",
    how="not part of undrift; the packages torch-fidelity and lpips have them",
)
IMAGENET = weights(
    "256x256_diffusion_uncond.pt",
    "256x256_diffusion_uncond",
    "linked in the README of github.com/openai/guided-diffusion",
)
FACES = weights(
    "ffhq_10m.pt",
    "ffhq_10m",
    "linked in the README of github.com/DPS2022/diffusion-posterior-sampling",
)


def published(
    name: str, title: str, source: str, needs: list[Need],
    values: Mapping[str, Sequence[float | None]], columns: Sequence[str], share: float = 0.05,
) -> Table:  # fmt: skip
    """A published table: rows of numbers, None where there is none; the tolerance is relative."""
    figures = [
        Figure(row=row, column=column, value=value, tolerance=round(share * value, 4))
        for row, numbers in values.items()
        for column, value in zip(columns, numbers, strict=True)
        if value is not None
    ]
    return Table(name=name, title=title, source=source, needs=needs, figures=figures)


def closed(name: str, title: str, source: str, needs: list[Need]) -> Table:
    """A published table whose numbers are not entered, since nobody here has seen its page."""
    source = f"{source}; its numbers are not entered here, since its page was not at hand"
    return Table(name=name, title=title, source=source, needs=needs)


def smoke(rows: Sequence[tuple[str, str, float, float, Kind]], source: str) -> Table:
    """The smoke table from (row, column, value, tolerance, kind)."""
    figures = [
        Figure(row=row, column=column, value=value, tolerance=tolerance, kind=kind)
        for row, column, value, tolerance, kind in rows
    ]
    return Table(
        name="smoke", title="The sampler on a known posterior, and on one picture", when="smoke",
        source=source, figures=figures,
    )  # fmt: skip

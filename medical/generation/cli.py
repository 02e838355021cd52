"""`undrift medical generate`: writes volumes of a model, each with its record."""

from pathlib import Path

import click

from undrift.medical.notice import NOTICE


class Triple(click.ParamType):
    """Three numbers by commas, or one for all."""

    name = "N|X,Y,Z"

    def __init__(self, kind: type):
        self.kind = kind

    def convert(self, value: object, param: object, ctx: object) -> tuple:
        """Text to a tuple."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self.kind(text) for text in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3):
            self.fail(f"'{value}': expected one number or three by commas")
        return numbers * 3 if len(numbers) == 1 else numbers


@click.command(epilog=NOTICE)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="File (.nii.gz, .nii, .mha, .nrrd) for one volume, or a folder.")  # fmt: skip
@click.option("--model", help="Id, weights, or folder; by default brain-generate.")
@click.option("--shape", type=Triple(int), help="Voxels; by default the whole of the model, or 64.")
@click.option("--spacing", type=Triple(float), help="mm.")
@click.option("--modality", type=int, help="Number of a class, of models that know classes.")
@click.option("--samples", type=click.IntRange(1), default=1, show_default=True)
@click.option("--preset", type=click.Choice(["fast", "balanced", "best"]))
@click.option("--steps", type=click.IntRange(1), help="Network calls of a sample.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
def generate(
    output: Path, model: str | None, shape: tuple | None, spacing: tuple | None,
    modality: int | None, samples: int, preset: str | None, steps: int | None, seed: int,
    device: str, overwrite: bool, quiet: bool,
) -> None:  # fmt: skip
    """Draw volumes of a model; every file says that it is synthetic.

    The default draws heads as T1 shows them, 48 x 64 x 48 voxels of 4 mm, of simulated anatomy.

    \b
    Examples:
      undrift medical generate -o heads/ --samples 4
      undrift medical generate -o ct/ --model maisi/ --shape 128 --spacing 1.5,1.5,2
    """
    from undrift.common.errors import InputError, UsageError
    from undrift.common.files import full_suffix
    from undrift.medical.generation.tasks import generate as draw
    from undrift.medical.made import SUFFIXES, write_made

    one = full_suffix(output).lower() in SUFFIXES
    if one and samples > 1:
        raise UsageError(f"-o {output}: names one file for {samples} volumes; give a folder")
    paths = [output] if one else [output / f"sample-{k + 1:03d}.nii.gz" for k in range(samples)]
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise InputError(f"{', '.join(taken)}: exists; give --overwrite, or another -o")
    made = draw(model=model, shape=shape, spacing=spacing, modality=modality, samples=samples,
                preset=preset, steps=steps, seed=seed, device=device)  # fmt: skip
    for number, (path, volume) in enumerate(zip(paths, made.samples or (made.value,), strict=True)):
        write_made(path, volume, {**made.info, "sample": number})
        if not quiet:
            click.echo(f"undrift: written: {path}", err=True)
    if not quiet:
        for text in made.info["warnings"]:
            click.echo(f"undrift: {text}", err=True)

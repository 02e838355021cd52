"""`undrift models convert`: published checkpoints become weight files or folders of diffusers."""

from pathlib import Path

import click

from undrift.common.errors import UsageError


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option(
    "--like", metavar="NAME", help="A published network, such as 256x256_diffusion_uncond."
)
@click.option("--heads", type=click.IntRange(min=1), help="num_heads of its training.")
@click.option("--head-width", type=click.IntRange(min=1), help="num_head_channels of its training.")
@click.option("--new-order", is_flag=True, help="It was trained with use_new_attention_order.")
@click.option("--schedule", type=click.Choice(["linear", "cosine"]), help="Default: linear.")
@click.option("--size", type=click.IntRange(min=1), help="Side of the training pictures.")
@click.option(
    "--set",
    "told",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of training of a speech model, such as sde=ouve; it wins over the file's.",
)
@click.option("--id", "name", help="Id of the model. Default: the name of DST.")
def convert(
    source: Path,
    target: Path,
    like: str | None,
    heads: int | None,
    head_width: int | None,
    new_order: bool,
    schedule: str | None,
    size: int | None,
    told: tuple[str, ...],
    name: str | None,
) -> None:
    """Convert SRC, a published checkpoint, to DST: NAME.safetensors or a folder.

    SRC: of guided diffusion, or speech models of SGMSE, SGMSE+, SB-VE, BBED and StoRM. A
    .safetensors file is for undrift and comes with a card; a folder, for guided diffusion only, is
    a pipeline of diffusers. Of pickles tensors and numbers are read, no code is run. What the file
    does not say has to be told.

    \b
    undrift models convert ffhq_10m.pt faces.safetensors --like ffhq_10m
    undrift models convert mine.pt mine.safetensors --head-width 64 --schedule cosine
    undrift models convert lsun_cat.pt lsun-cat --like lsun_cat
    undrift models convert train_vb.ckpt sgmse.safetensors --like sgmse-vb-dmd
    """
    for path in (target, target.with_suffix(".md")):
        if path.exists():
            raise UsageError(f"{path} is there already; name another place or remove it")
    structure = heads is not None or head_width is not None or new_order
    if not (structure or schedule or size) and _by_family(source, target, name, like, told):
        return
    if told:
        raise UsageError("--set is for speech models; the other flags describe guided diffusion")
    _guided(source, target, name, like, (heads, head_width, new_order) if structure else None,
            schedule, size)  # fmt: skip


def _by_family(
    source: Path, target: Path, name: str | None, like: str | None, told: tuple[str, ...]
) -> bool:
    """Whether a domain has converted it."""
    from undrift.common.weights.families import find_family

    family = find_family(source, like, told)
    if family is None:
        return False
    for line in family.convert(source, target, name, like, told):
        click.echo(line)
    return True


def _guided(
    source: Path,
    target: Path,
    name: str | None,
    like: str | None,
    heads: tuple[int | None, int | None, bool] | None,
    schedule: str | None,
    size: int | None,
) -> None:
    from undrift.common.weights.adm import Heads
    from undrift.common.weights.convert import read_source, write_folder, write_weights
    from undrift.common.weights.convert_card import write_card

    found = read_source(
        source,
        like=like,
        heads=Heads(*heads) if heads else None,
        schedule=schedule,
        size=size,
    )
    if target.suffix != ".safetensors":
        write_folder(found, target)
        click.echo(f"{target}: a pipeline of diffusers")
        return
    settings = write_weights(found, target, name)
    card = write_card(found, settings, target)
    facts = (f"{key.replace('_', ' ')} {settings.record[key]}" for key in ("steps", "variance",
             "heads", "order"))  # fmt: skip
    click.echo(f"{target} {target.stat().st_size / 1e6:.1f} MB: {'; '.join(facts)}")
    click.echo(f"{card}: fill in what is not known")

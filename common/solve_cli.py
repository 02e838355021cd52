"""`undrift solve`: measurements of a known operator, a thin loop over `undrift.solve`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import InputError, UsageError
from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions


class Assignment(click.ParamType):
    """KEY=VALUE with a value in YAML: weight=0.3, rule=annealed."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Any]:
        """Text to (key, value)."""
        import yaml

        if isinstance(value, list | tuple):
            return value[0], value[1]
        key, sign, text = str(value).partition("=")
        if not sign or not key:
            self.fail(f"'{value}': expected KEY=VALUE, as in weight=0.3", param, ctx)
        return key, yaml.safe_load(text)


def _list_methods(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from undrift.common.posterior.methods import METHODS

    click.echo(f"{'auto':<20} chooses by operator, noise, prior and budget, and says what and why")
    for name, method in METHODS.items():
        kind = method.kind
        needs = [] if kind.operators == "any" else [kind.operators]
        needs += ["a prior of latents"] if kind.latents else []
        needs += ["derivative"] if kind.derivative else []
        needs += [] if kind.noiseless else ["noise"]
        what = f"needs {', '.join(needs)}" if needs else "needs nothing"
        click.echo(f"{name:<20} {method.about}; {what}; {method.steps} steps of {kind.price}")
    ctx.exit()


@click.command(cls=RestoringCommand)
@restoring_options("solve")
@click.option(
    "--operator",
    type=click.Path(path_type=Path),
    required=True,
    metavar="YAML",
    help="Description of the operator, and of the noise.",
)
@click.option("--noise", type=float, metavar="S", help="Deviation of the noise; 0 if exact.")
@click.option("--method", default="auto", show_default=True, help="See --list-methods.")
@click.option(
    "-O", "--option", "method_options", type=Assignment(), multiple=True, help="Of the method."
)
@click.option("--prior", metavar="NAME|PATH", help="As --model; also a diffusers folder.")
@click.option("--grid", metavar="NAME", cls=GroupedOption, group="Sampling", help="Of times.")
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="N",
    cls=GroupedOption,
    group="Sampling",
    help="Network calls at most, for an item.",
)
@click.option(
    "--keep-samples", is_flag=True, cls=GroupedOption, group="Output", help="Write each sample too."
)
@click.option(
    "--list-methods",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_methods,
    help="Show the methods and what they need.",
)
def solve(options: RunOptions, operator: Path, prior: str | None, **own: Any) -> None:
    """Find what explains measurements of a known operator (.npy, .npz, PNG, TIFF, JPEG).

    \b
    Examples:
      undrift solve blurred.png -o sharp.png --operator blur.yaml --noise 0.01
      undrift solve scans/ -o out/ --operator op.yaml --samples 8     # mean, and .std.npy
      undrift solve y.npy -o x.npy --operator op.yaml --method ddrm --steps 50
      undrift solve --list-methods
    """
    from undrift.common.posterior.methods import find_method
    from undrift.common.runner import run_items
    from undrift.common.solve_inputs import read_noise
    from undrift.common.solve_work import SUFFIXES, SolveFile, content_hash, identified

    if prior is not None and options.model is not None:
        raise UsageError("--prior and --model are two names of one thing; give one")
    if options.tile != "auto":
        raise UsageError("solve takes no --tile: operators see the whole signal")
    if not operator.is_file():
        raise InputError(f"{operator}: no such file; expected a description of the operator")
    if own["method"] != "auto":
        find_method(own["method"])
    if own["noise"] is not None:
        read_noise(own["noise"], None)
    path, name, sha256 = identified(prior or options.model)
    extras = {**options.extras, "operator": content_hash(operator), "prior": None}
    run_items(
        SolveFile.of(options, operator, path, own),
        replace(options, extras=extras),
        suffixes=SUFFIXES,
        model=name,
        weights=sha256,
        about=f"{name}, {operator}, method {own['method']}",
    )

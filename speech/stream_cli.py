"""`undrift speech stream`: bare samples from a pipe, enhanced, into a pipe."""

import sys
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.common.option_types import SeedType


@click.command()
@click.option("--rate", type=click.IntRange(min=1000), required=True, help="Samples a second.")
@click.option("--channels", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--subtype",
    default="PCM_16",
    show_default=True,
    help="PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT, DOUBLE; little-endian.",
)
@click.option(
    "--block",
    type=click.FloatRange(min=1),
    default=20.0,
    show_default=True,
    help="Milliseconds at a time.",
)
@click.option(
    "--input-level",
    type=float,
    default=-26.0,
    show_default=True,
    metavar="DB",
    help="Of the speech, below full scale.",
)
@click.option("--method", default="model", show_default=True, help="Or wiener, ...")
@click.option("--strength", type=float, default=1.0, show_default=True, help="0 to 1.")
@click.option("--max-attenuation", type=float, metavar="DB", help="Lower noise by this at most.")
@click.option(
    "--highband",
    default="scale",
    show_default=True,
    type=click.Choice(["scale", "keep", "drop"]),
    help="What lies above the band of the model.",
)
@click.option("--model", metavar="NAME|PATH", help="Model id or safetensors file.")
@click.option("--preset", type=click.Choice(["fast", "balanced", "best"]), help="Default: fast.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Network calls.")
@click.option("--seed", type=SeedType(), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Processor threads.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
def stream(
    rate: int,
    channels: int,
    subtype: str,
    block: float,
    threads: int | None,
    quiet: bool,
    **settings: Any,
) -> None:  # fmt: skip
    """Enhance bare samples (PCM without a header) from standard input to standard output.

    \b
    arecord -t raw -f S16_LE -r 16000 | undrift speech stream --rate 16000 > clean.raw
    undrift speech stream --rate 48000 --channels 2 --subtype FLOAT < in.raw > out.raw

    As many samples go out as come in. They come late by a fixed time, which is said at the start.
    """
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe samples into it, see --help")
    import torch

    from undrift.speech.stream import Streamer, run_stream

    if threads:
        torch.set_num_threads(threads)
    given = {name: value for name, value in settings.items() if value is not None}
    streamer = Streamer(given.pop("model", None), rate=rate, channels=channels, **given)
    late = 1000 * streamer.latency / rate
    if not quiet:
        click.echo(f"undrift: {streamer.method.about()}, {late:.0f} ms late", err=True)
    size = max(1, round(block * rate / 1000))
    samples, spent = run_stream(streamer, sys.stdin.buffer, sys.stdout.buffer, subtype, size)
    if samples and not quiet:
        factor = f"real-time factor {spent * rate / samples:.3f}"
        click.echo(f"undrift: {samples / rate:.2f} s in {spent:.2f} s, {factor}", err=True)

"""`undrift speech enhance`: a thin loop over files."""

from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions

WITHOUT = ("tile", "max_memory", "batch", "pad")  # shared flags that mean nothing to sound


class Rate(click.ParamType):
    """A number of samples a second, or keep."""

    name = "keep|HZ"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        """Text to a whole number, or "keep"."""
        if value == "keep" or isinstance(value, int):
            return value
        if not str(value).isdigit():
            self.fail(f"'{value}': expected keep, or samples a second such as 16000", param, ctx)
        return int(value)


class InputLevel(click.ParamType):
    """A level in dB below full scale, or auto."""

    name = "auto|DB"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        """Text to a number, or "auto"."""
        if value == "auto":
            return value
        try:
            return float(value)
        except (TypeError, ValueError):
            self.fail(f"'{value}': expected auto, or dB of full scale such as -26", param, ctx)


def _option(group: str, *names: str, **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, show_default=True, **settings)


@click.command(cls=RestoringCommand)
@restoring_options("enhance", WITHOUT, group="speech")
@_option(
    "Task",
    "--task",
    type=click.Choice(["denoise", "dereverb", "both"]),
    help="What the model has to be made for.",
)
@_option("Task", "--method", default="model", help="model, wiener or spectral-subtraction.")
@_option("Task", "--strength", type=float, default=1.0, help="0 the recording, 1 enhanced.")
@_option("Task", "--max-attenuation", type=float, metavar="DB", help="Lower noise by this at most.")
@_option(
    "Task",
    "--channels",
    default="each",
    type=click.Choice(["each", "mid", "linked", "first"]),
    help="linked: one gain for all; mid, first: one channel.",
)
@_option(
    "Task",
    "--highband",
    default="scale",
    type=click.Choice(["scale", "keep", "drop"]),
    help="What lies above the band of the model.",
)
@_option(
    "Task", "--input-level", type=InputLevel(), default="auto", help="Of the speech; measured."
)
@_option(
    "Memory and speed",
    "--chunk",
    type=float,
    help="Seconds at a time; 2, and 8 of networks without state.",
)
@_option(
    "Memory and speed",
    "--overlap",
    type=float,
    default=1.0,
    help="Seconds that chunks share, of networks without state.",
)
@_option("Output", "--rate", "output_rate", type=Rate(), default="keep", help="Of the output.")
@_option("Output", "--format", default="keep", help="wav, flac, ogg, opus, mp3, aiff, au, caf.")
@_option("Output", "--subtype", default="keep", help="PCM_16, PCM_24, FLOAT, ...")
@_option(
    "Output",
    "--level",
    default="preserve",
    metavar="preserve|-23LUFS|peak",
    help="Of the output; peak: 1 dB below full scale.",
)
@_option("Output", "--keep-samples", is_flag=True, help="Write each sample too.")
def enhance(
    options: RunOptions, format: str, subtype: str, keep_samples: bool, **own: Any
) -> None:  # fmt: skip
    """Take noise and echoes away from speech (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, AU, W64).

    \b
    Examples:
      undrift speech enhance talk.wav -o clean.wav
      undrift speech enhance interviews/ -o clean/ --preset best --report clean/report.html
      undrift speech enhance meeting.mp3 -o meeting.flac --max-attenuation 20
      undrift speech enhance hours.wav -o out/ --level=-23LUFS --format flac --workers 2
      undrift speech enhance faint.wav -o out/ --samples 8    # mean, and faint.std.npy
      ffmpeg -i film.mkv -f wav - | undrift speech enhance - -o - | aplay
    """
    from undrift.common.runner import run_items
    from undrift.common.weights.model import find_weights
    from undrift.speech.asked import Asked
    from undrift.speech.audio import SUFFIXES, output_suffix
    from undrift.speech.method import DEFAULT
    from undrift.speech.piped import piped
    from undrift.speech.report import report_writer
    from undrift.speech.work import EnhanceFile, PlannedSound

    asked = Asked(**own)
    output_suffix(".wav", format)
    weights = options.model
    if asked.method == "model":
        weights = str(find_weights(options.model or DEFAULT))
    work = EnhanceFile.of(options, weights, own, subtype, keep_samples)
    method = work.method("")
    with piped(options, format) as options:
        run_items(
            work,
            options,
            suffixes=SUFFIXES,
            extension=lambda suffix: output_suffix(suffix, format),
            model=method.id,
            weights=method.sha256,
            estimate=PlannedSound(method.calls, tuple(own.items())),
            about=method.about(),
            report=report_writer(options),
        )

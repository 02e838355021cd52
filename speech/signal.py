"""What a speech model must know of its signal; the section `signal` of recipes and weight files."""

from pydantic import Field

from undrift.common.config import Strict, load
from undrift.speech.spectrogram import Spectrogram


class SpectrogramSettings(Strict):
    """See `undrift.speech.spectrogram.Spectrogram`; names and ranges are checked there."""

    rate: int = Field(16000, gt=0)
    n_fft: int = Field(510, gt=1)
    hop: int = Field(128, gt=0)
    factor: float = Field(0.15, gt=0)
    exponent: float = Field(0.5, gt=0)
    transform: str = "exponent"
    window: str = "hann"


class Signal(Strict):
    """level: root mean square of the speech-active parts that the model was trained at, in dB
    below full scale; None for models that want a peak of 1."""

    spectrogram_settings: SpectrogramSettings = Field(
        SpectrogramSettings.model_validate({}), alias="spectrogram"
    )
    level: float | None = Field(None, le=0)

    @property
    def spectrogram(self) -> Spectrogram:
        """The transform."""
        return Spectrogram(**self.spectrogram_settings.model_dump())

    @property
    def amplitude(self) -> float:
        """The level as a factor of full scale; 1 where there is none."""
        return 1.0 if self.level is None else 10 ** (self.level / 20)


def read_signal(settings: dict[str, object]) -> Signal:
    """Raises InputError with all problems of the section."""
    return load(Signal, settings, "signal")

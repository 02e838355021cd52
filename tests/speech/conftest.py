"""What tests of speech share: one weight file of a tiny model."""

import pytest
from tiny_speech import write_speech_model


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_speech_model(tmp_path_factory.mktemp("models") / "tiny-speech.safetensors")

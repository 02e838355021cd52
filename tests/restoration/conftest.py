"""Tiny models for the tasks, as weight files: made once a session."""

import pytest
import tiny


@pytest.fixture(scope="session")
def denoise_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a random denoiser."""
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "d.safetensors", tiny.DENOISE)


@pytest.fixture(scope="session")
def sr_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a random super-resolver."""
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "s.safetensors", tiny.SR)


@pytest.fixture(scope="session")
def gaussian_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the exact denoiser of independent pixels of mean 0.5 and standard deviation 0.25."""
    path = tmp_path_factory.mktemp("weights") / "g.safetensors"
    return tiny.write_model(path, tiny.DENOISE, last=0.0)


@pytest.fixture(scope="session")
def plain_sr_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a super-resolver whose network gives 0."""
    path = tmp_path_factory.mktemp("weights") / "p.safetensors"
    return tiny.write_model(path, tiny.SR, last=0.0)


@pytest.fixture(scope="session")
def bare_sr_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a random super-resolver whose presets do not back-project."""
    path = tmp_path_factory.mktemp("weights") / "b.safetensors"
    return tiny.write_model(path, {**tiny.SR, "presets": tiny.PRESETS})

"""torchaudio beside a torch that its extension was not built for.

The published wheels link CUDA libraries, so that beside a CPU build of torch `import torchaudio`
fails with OSError (or with RuntimeError where the CUDA versions differ). Only alignment and
RNN-transducer losses need the extension. The failed import leaves torchaudio's loader behind; when
the folder it looks into does not exist, torchaudio takes its own branch "no extension here", and
spectrograms, mel filters, resampling and mixing work. Nothing of undrift needs torchaudio: this is
for those who use both.

torchaudio's objects cannot be unpickled in a process that did not come through here.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from undrift.common.errors import MissingExtraError, missing_package

_LOADER = "torchaudio._extension.utils"
_NOWHERE = Path(__file__).parent / "no-such-folder"


def load() -> ModuleType:
    """The module torchaudio, with its extension where that loads.

    Raises MissingExtraError where torchaudio is not installed, or works with no extension neither.
    """
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError as error:
        raise missing_package(error.name or "torchaudio") from error
    except OSError as error:
        return _without_extension(error)
    except RuntimeError as error:
        if "CUDA" not in str(error):
            raise
        return _without_extension(error)


def has_extension() -> bool:
    """Whether the compiled part of the loaded torchaudio is there."""
    return bool(
        getattr(
            importlib.import_module("torchaudio._extension"), "_IS_TORCHAUDIO_EXT_AVAILABLE", False
        )
    )


def _without_extension(error: Exception) -> ModuleType:
    loader = sys.modules.get(_LOADER)
    if loader is None or not hasattr(loader, "_LIB_DIR"):
        raise _mismatch(error) from error
    loader._LIB_DIR = _NOWHERE  # type: ignore[attr-defined]
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError) as again:
        raise _mismatch(error) from again


def _mismatch(error: Exception) -> MissingExtraError:
    return MissingExtraError(
        f"the installed torchaudio was built for another torch ({error}); run: pip install "
        "torchaudio --index-url https://download.pytorch.org/whl/cpu"
    )

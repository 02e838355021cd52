"""Parameters of a class or function from YAML values: its signature is the description.

Arrays may be written as numbers, lists, file names, or `{name: parameters}` of `TENSORS`.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, BeforeValidator, create_model
from torch import Tensor

from undrift.common.config import Strict, load
from undrift.common.errors import InputError, nearest
from undrift.common.operators.table import TENSORS

FILES = (".npy", ".npz", ".csv")


def call(maker: Callable[..., Any], params: Any, source: str) -> Any:
    """maker(**params), checked. Raises InputError that lists every problem."""
    if not isinstance(params, Mapping):
        raise InputError(f"{source}: expected keys and values, got {params!r}")
    checked = load(model_of(maker), params, source)
    return maker(**{name: getattr(checked, name) for name in type(checked).model_fields})


def known(table: Mapping[str, Any], name: str, kind: str) -> Any:
    """The entry `name`; raises InputError with the nearest names."""
    if name not in table:
        raise InputError(f"{kind} {name!r} is not one of {', '.join(table)}{nearest(name, table)}")
    return table[name]


@cache
def model_of(maker: Callable[..., Any]) -> type[BaseModel]:
    """A strict model with the parameters of `maker`, tensors read from numbers, lists and files."""
    is_class = inspect.isclass(maker)
    hints = typing.get_type_hints(maker.__init__ if is_class else maker)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(maker).parameters.items():
        hint = hints[name]
        if Tensor in (hint, *typing.get_args(hint)):
            number = float in typing.get_args(hint)
            hint = Annotated[Any, BeforeValidator(read_number if number else read_tensor)]
        missing = parameter.default is inspect.Parameter.empty
        fields[name] = (hint, ... if missing else parameter.default)
    return create_model(maker.__name__, __base__=Strict, **fields)


def read_number(value: Any) -> Tensor | float:
    """A number as it is, anything else as `read_tensor`."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain else read_tensor(value)


def read_tensor(value: Any) -> Any:
    """A tensor from a number, nested lists, a file, or `{name: parameters}` of `TENSORS`.

    None and tensors stay as they are. Raises ValueError, as pydantic asks.
    """
    if value is None or isinstance(value, Tensor):
        return value
    try:
        if isinstance(value, Mapping) and len(value) == 1:
            name, params = next(iter(value.items()))
            return call(known(TENSORS, str(name), "array"), params, str(name))
        if isinstance(value, str | Path):
            return torch.from_numpy(_read_file(Path(value)))
        array = np.asarray(value)
        if array.dtype.kind not in "bifuc":
            raise InputError(f"expected numbers, got {value!r}")
        return torch.from_numpy(array if array.dtype.kind == "c" else array.astype(np.float64))
    except (InputError, OSError) as error:
        raise ValueError("; ".join(v.strip() for v in str(error).splitlines())) from error


def _read_file(path: Path) -> np.ndarray:
    if path.suffix not in FILES:
        raise InputError(f"{path}: expected a file of {', '.join(FILES)}")
    if path.suffix == ".csv":
        return np.loadtxt(path, delimiter=",", ndmin=1)
    content = np.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        array = content
    elif len(content.files) == 1:
        array = content[content.files[0]]
    else:
        raise InputError(f"{path}: expected one array, got {', '.join(content.files)}")
    return array if array.dtype.kind in "cf" else array.astype(np.float64)

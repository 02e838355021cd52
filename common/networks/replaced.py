"""A network with some of its modules exchanged; the rest, with its weights, is shared.

The given network is not touched and both may be used at once: unlike a hook or a context manager,
which change a network for everybody who holds it.
"""

import copy
import fnmatch
from collections.abc import Mapping, Sequence

from torch import nn

from undrift.common.errors import InputError, nearest


def replaced(network: nn.Module, modules: Mapping[str, nn.Module]) -> nn.Module:
    """A twin of the network with other modules under the given dotted names.

    Parameters and buffers are the same tensors as in `network`.
    Raises InputError for a name that the network has not.
    """
    known = dict(network.named_modules())
    memo: dict[int, object] = {id(value): value for value in network.parameters()}
    memo |= {id(value): value for value in network.buffers()}
    for name, module in modules.items():
        if not name or name not in known:
            raise InputError(f"the network has no module {name!r}{nearest(name, known)}")
        memo[id(known[name])] = module
    return copy.deepcopy(network, memo)


def matching(network: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    """Modules by dotted name that match one of the patterns ("middle.*.depthwise").

    Raises InputError for a pattern that none matches.
    """
    known = dict(network.named_modules())
    found = {}
    for pattern in patterns:
        names = fnmatch.filter(known, pattern)
        if not names:
            raise InputError(
                f"no module of the network matches {pattern!r}{nearest(pattern, known)}"
            )
        found |= {name: known[name] for name in names}
    return found

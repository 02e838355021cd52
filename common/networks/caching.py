"""U-shaped networks that keep features from one step to the next, where they change slowly.

DeepCache (Ma et al., CVPR 2024, Sec. 3.2): every `interval` steps the whole network runs; between
them only its outer levels do, around the deep feature of the last whole pass. Encoder propagation
(Li et al., NeurIPS 2024, Sec. 3.2): between whole passes only the way up runs, on the kept
features of the way down. The angle psi of the present step reaches whatever runs.

    cache = FeatureCache(steps, interval=2)
    quick = denoiser.with_network(deep_cached(denoiser.network, cache))
    run_plan(Stepping(Symmetrised(Tiled(quick, 512), 8), cache), x, steps)
"""

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from undrift.common.errors import UsageError
from undrift.common.networks.diffusers_unet import DiffusersUNet
from undrift.common.networks.feature_cache import FeatureCache
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.replaced import replaced


def deep_cached(network: nn.Module, cache: FeatureCache, outer: int = 1) -> nn.Module:
    """DeepCache: a twin with the same weights whose levels below the `outer` ones are kept.

    Raises UsageError for a network without a U shape, or too many outer levels for it.
    """
    if isinstance(network, LocalNAFNet):
        _check_outer(outer, len(network.downs))
        return _DeepNAFNet(network, cache, outer)
    whole = _plain(network)
    unet: Any = whole.unet
    down, up = list(unet.down_blocks), list(unet.up_blocks)
    _check_outer(outer, len(down) - 1)
    names = [f"down_blocks.{k}" for k in range(outer, len(down))]
    names += ["mid_block"] * (unet.mid_block is not None)
    names += [f"up_blocks.{k}" for k in range(len(up) - outer)]
    return _CachedUNet(whole, cache, names, needed=names[-1:])


def encoder_cached(network: nn.Module, cache: FeatureCache) -> nn.Module:
    """Encoder propagation: a twin with the same weights whose way down and middle are kept.

    Raises UsageError for a network without a U shape.
    """
    if isinstance(network, LocalNAFNet):
        _check_outer(1, len(network.downs))
        return _EncoderNAFNet(network, cache)
    whole = _plain(network)
    unet: Any = whole.unet
    names = ["conv_in", *(f"down_blocks.{k}" for k in range(len(unet.down_blocks)))]
    names += ["mid_block"] * (unet.mid_block is not None)
    return _CachedUNet(whole, cache, names, needed=names)


class _DeepNAFNet(LocalNAFNet):
    """`outer`: levels that always run."""

    def __init__(self, network: LocalNAFNet, cache: FeatureCache, outer: int):
        _share(self, network)
        self.cache, self.outer = cache, outer

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        self.cache.next_call(x.shape)
        return super().forward(x, psi, level)

    def below(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        run = functools.partial(super().below, index, h, features)
        return self.cache.recall("deep", run) if index == self.outer else run()


class _EncoderNAFNet(LocalNAFNet):
    def __init__(self, network: LocalNAFNet, cache: FeatureCache):
        _share(self, network)
        self.cache = cache

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        self.cache.next_call(x.shape)
        return super().forward(x, psi, level)

    def descend(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        run = functools.partial(super().descend, index, h, features)
        return self.cache.recall(str(index), run)


class _CachedUNet(DiffusersUNet):
    """The named parts of the UNet are kept; of those not in `needed` only the shape of the answer.

    Where the last kept part is all that the rest looks at, what came before it may be hollow.
    """

    def __init__(
        self,
        network: DiffusersUNet,
        cache: FeatureCache,
        names: Sequence[str],
        needed: Sequence[str],
    ):
        _share(self, network)
        self.cache = cache
        parts = {n: _Part(network.unet.get_submodule(n), cache, n, n in needed) for n in names}
        self.unet = replaced(network.unet, parts)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        self.cache.next_call(x.shape)
        return super().forward(x, psi, level)


class _Part(nn.Module):
    """A part of a UNet that runs in full steps only."""

    def __init__(self, module: nn.Module, cache: FeatureCache, name: str, needed: bool):
        super().__init__()
        self.module, self.cache, self.name, self.needed = module, cache, name, needed
        if hasattr(module, "resnets"):  # the UNet counts them
            self.resnets = module.resnets

    def forward(self, *args: object, **options: object) -> Any:
        if not self.cache.full:
            return self.cache.kept(self.name)
        out = self.module(*args, **options)
        self.cache.keep(self.name, out if self.needed else _hollow(out))
        return out


def _hollow(out: Any) -> Any:
    """The same nesting of tuples without the tensors."""
    return tuple(_hollow(part) for part in out) if isinstance(out, tuple) else None


def _share(twin: nn.Module, network: nn.Module) -> None:
    """Gives the twin everything the network has, its modules and weights shared."""
    nn.Module.__init__(twin)
    twin.__dict__.update(network.__dict__)
    twin._modules = dict(network._modules)


def _check_outer(outer: int, levels: int) -> None:
    if levels < 1:
        raise UsageError("this network has one level only; caching needs a U shape")
    if not 1 <= outer <= levels:
        raise UsageError(f"outer {outer}: this network can keep {levels} levels or fewer outside")


def _plain(network: nn.Module) -> DiffusersUNet:
    if not isinstance(network, DiffusersUNet):
        raise UsageError(
            f"{type(network).__name__} is no U-shaped network known here; caching works on "
            "LocalNAFNet and DiffusersUNet"
        )
    blocks = [*network.unet.down_blocks, *network.unet.up_blocks]
    if any(hasattr(block, "skip_conv") for block in blocks):
        raise UsageError("blocks with skip_conv pass a second picture on; caching leaves them out")
    return network

"""Checkpoints of guided diffusion (Dhariwal and Nichol 2021): their structure, and their keys.

Widths, depths, attention, resampling, class embedding and variance head are read from names and
shapes. Not in the file are: into how many heads the attention is split, and whether its 3c channels
are ordered (q, k, v) as a whole ("new order") or head by head; both have to be told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError

_GROUPS = 32  # of every group norm of that code
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_OUTSIDE = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


@dataclass(frozen=True)
class Structure:
    """What the names and shapes of a checkpoint say.

    widths, attention: of each resolution from fine to coarse. depth: residual blocks of each.
    resampling: "conv", "resnet" (residual blocks that halve and double) or "plain".
    features: of the sinusoids of the time. classes: 0 for networks without.
    """

    inputs: int
    outputs: int
    features: int
    widths: tuple[int, ...]
    depth: int
    attention: tuple[bool, ...]
    resampling: str
    scale_shift: bool
    classes: int

    @property
    def learned_variance(self) -> bool:
        """Whether a second half of the output is the variance."""
        return self.outputs == 2 * self.inputs


def read_structure(state: Mapping[str, Tensor]) -> Structure:
    """The structure of a checkpoint. Raises InputError for one of another network."""
    need = (
        "time_embed.0.weight",
        "input_blocks.0.0.weight",
        "middle_block.1.qkv.weight",
        "output_blocks.0.0.in_layers.2.weight",
        "out.2.weight",
    )
    missing = [key for key in need if key not in state]
    if missing:
        raise InputError(
            f"no network of guided diffusion: it lacks {', '.join(missing)}; classifiers and other "
            "architectures are not converted"
        )
    count = 1 + max(int(m[1]) for k in state if (m := re.match(r"output_blocks\.(\d+)\.", k)))
    depth, resampling = _depth(state, count)
    levels = count // (depth + 1)
    first = [f"input_blocks.{1 + level * (depth + 1)}" for level in range(levels)]
    try:
        widths = tuple(state[f"{name}.0.in_layers.2.weight"].shape[0] for name in first)
        embedded = state[f"{first[0]}.0.emb_layers.1.weight"].shape[0]
    except KeyError as error:
        raise InputError(f"no network of guided diffusion: {error} is missing") from error
    labels = state.get("label_emb.weight")
    structure = Structure(
        inputs=state["input_blocks.0.0.weight"].shape[1],
        outputs=state["out.2.weight"].shape[0],
        features=state["time_embed.0.weight"].shape[1],
        widths=widths,
        depth=depth,
        attention=tuple(f"{name}.1.qkv.weight" in state for name in first),
        resampling=resampling,
        scale_shift=embedded == 2 * widths[0],
        classes=0 if labels is None else labels.shape[0],
    )
    if structure.outputs not in (structure.inputs, 2 * structure.inputs) or structure.inputs == 6:
        raise InputError(
            f"the network takes {structure.inputs} channels and gives {structure.outputs}; "
            "expected as many, or twice as many; upsamplers, which see a small picture too, are "
            "no priors"
        )
    return structure


def _depth(state: Mapping[str, Tensor], count: int) -> tuple[int, str]:
    """Residual blocks of a resolution, and how resolutions are joined."""
    kinds = {
        "conv": r"input_blocks\.(\d+)\.0\.op\.weight",
        "resnet": r"output_blocks\.(\d+)\.[12]\.in_layers\.0\.weight",
    }
    for kind, pattern in kinds.items():
        found = [int(m[1]) for key in state if (m := re.fullmatch(pattern, key))]
        if found:
            return min(found) - (kind == "conv"), kind
    present = {int(m[1]) for key in state if (m := re.match(r"input_blocks\.(\d+)\.", key))}
    gaps = [number for number in range(count) if number not in present]
    return (min(gaps) if gaps else count) - 1, "plain"


@dataclass(frozen=True)
class Heads:
    """count or width: one of the two, of each attention. new_order: see the module."""

    count: int | None = None
    width: int | None = None
    new_order: bool = False

    def of(self, channels: int) -> int:
        """Heads of an attention. Raises InputError if the channels do not divide."""
        by = self.count or self.width or 1
        if channels % by:
            raise InputError(f"{channels} channels do not divide into heads by {by}; see the paper")
        return self.count or channels // by


def unet_options(structure: Structure, heads: Heads) -> dict[str, object]:
    """Options of `GuidedUNet`; those that UNet2DModel lacks are there only where needed."""
    levels = len(structure.widths)
    plain = "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"
    if structure.resampling != "resnet":
        plain = "DownBlock2D", "UpBlock2D"
    down = ["AttnDownBlock2D" if there else plain[0] for there in structure.attention]
    up = ["AttnUpBlock2D" if there else plain[1] for there in structure.attention]
    kind = "resnet" if structure.resampling == "resnet" else "conv"
    attended = {w for w, there in zip(structure.widths, structure.attention, strict=True) if there}
    each = {width // heads.of(width) for width in attended | {structure.widths[-1]}}
    options: dict[str, object] = {
        "inputs": structure.inputs,
        "outputs": structure.outputs,
        "block_out_channels": list(structure.widths),
        "layers_per_block": structure.depth,
        "down_block_types": down,
        "up_block_types": up[::-1],
        "downsample_type": kind,
        "upsample_type": kind,
        "resnet_time_scale_shift": "scale_shift" if structure.scale_shift else "default",
        "attention_head_dim": min(each),
        "norm_num_groups": _GROUPS,
        "attn_norm_num_groups": _GROUPS,
        "time_embedding_dim": 4 * structure.features,
    }
    if len(each) > 1:
        options |= {"heads": heads.count, "attention_head_dim": 1}
    if structure.features != structure.widths[0]:
        options["time_features"] = structure.features
    if structure.resampling == "plain" and levels > 1:
        options["plain_resampling"] = True
    return options


def renamed(state: Mapping[str, Tensor], structure: Structure, heads: Heads) -> dict[str, Tensor]:
    """The tensors under diffusers' names. Raises InputError for a name that is not known."""
    found: dict[str, Tensor] = {}
    for key, value in state.items():
        stem, kind = key.rsplit(".", 1)
        if stem == "label_emb":
            found["class_embedding.weight"] = value
        elif stem in _OUTSIDE:
            found[f"{_OUTSIDE[stem]}.{kind}"] = value
        else:
            found |= _inner(stem, kind, value, structure, heads)
    return found


def _inner(
    stem: str, kind: str, value: Tensor, structure: Structure, heads: Heads
) -> dict[str, Tensor]:
    parts = stem.split(".")
    block, part = (parts[0], 2) if parts[0] == "middle_block" else (".".join(parts[:2]), 3)
    place, rest = _place(parts, structure.depth), ".".join(parts[part:])
    if rest in _RESNET:
        return {f"{place}.{_RESNET[rest]}.{kind}": value}
    if rest in ("op", "conv"):
        return {f"{place}.conv.{kind}": value}
    if rest == "norm":
        return {f"{place}.group_norm.{kind}": value}
    flat = (
        value.squeeze(-1) if kind == "weight" else value
    )  # their attention has 1 x 1 convolutions
    if rest == "proj_out":
        return {f"{place}.to_out.0.{kind}": flat}
    if rest == "qkv":
        parted = _parted(flat, heads)
        return {f"{place}.to_{name}.{kind}": v for name, v in zip("qkv", parted, strict=True)}
    raise InputError(f"{block}: {stem}.{kind} is no part of a network of guided diffusion")


def _place(parts: list[str], depth: int) -> str:
    """diffusers' name of the module "input_blocks.4.0", "middle_block.1", "output_blocks.2.1"."""
    side, each = parts[0], depth + 1
    if side == "middle_block":
        return {"0": "mid_block.resnets.0", "1": "mid_block.attentions.0"}.get(
            parts[1], "mid_block.resnets.1"
        )
    number, inner = int(parts[1]), int(parts[2])
    attention = parts[3] in ("norm", "qkv", "proj_out")
    if side == "input_blocks":
        level, row = divmod(number - 1, each)
        if row == depth:
            return f"down_blocks.{level}.downsamplers.0"
        return f"down_blocks.{level}.{'attentions' if attention else 'resnets'}.{row}"
    level, row = divmod(number, each)
    if inner and not attention:
        return f"up_blocks.{level}.upsamplers.0"
    return f"up_blocks.{level}.{'attentions' if attention else 'resnets'}.{row}"


def _parted(value: Tensor, heads: Heads) -> tuple[Tensor, ...]:
    """q, k and v, each with its heads one after the other."""
    if heads.new_order:
        return value.chunk(3, 0)
    channels = value.shape[0] // 3
    count = heads.of(channels)
    split = value.reshape(count, 3, channels // count, *value.shape[1:])
    return tuple(part.reshape(channels, *value.shape[1:]) for part in split.unbind(1))


def read_checkpoint(loaded: object) -> dict[str, Tensor]:
    """The tensors of a loaded file, also inside {"state_dict": ...} and behind "module."; float32.

    Raises InputError if there are none.
    """
    for key in ("state_dict", "model_state_dict", "ema", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise InputError(f"expected named tensors, got {type(loaded).__name__}")
    tensors = {str(k).removeprefix("module."): v for k, v in loaded.items() if torch.is_tensor(v)}
    if len(tensors) != len(loaded):
        raise InputError("expected nothing but tensors; save the network's state_dict alone")
    return {k: v.float() if v.is_floating_point() and v.dtype != torch.float64 else v
            for k, v in tensors.items()}  # fmt: skip

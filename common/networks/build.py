"""The one table from names of networks, as recipes and weight headers write them, to classes."""

import importlib

from torch import nn

from undrift.common.errors import InputError, nearest

NETWORKS = {
    "band-unet": "undrift.common.networks.band_unet:BandUNet",
    "blind-spot": "undrift.common.networks.blind_spot:BlindSpotNetwork",
    "local-nafnet": "undrift.common.networks.local_nafnet:LocalNAFNet",
    "local-nafnet3d": "undrift.common.networks.local_nafnet3d:LocalNAFNet3d",
    "spectral-nafnet3d": "undrift.common.networks.spectral_nafnet3d:SpectralNAFNet3d",
    "scaled-channels": "undrift.common.networks.scaled_channels:ScaledChannels",
    "diffusers-unet": "undrift.common.networks.diffusers_unet:DiffusersUNet",
    "guided-unet": "undrift.common.networks.guided_unet:GuidedUNet",
    "wind-nafnet": "undrift.common.networks.wind_nafnet:WindNAFNet",
    "ncsnpp": "undrift.common.networks.ncsnpp.score_network:ScoreNetwork",
    "ncsnpp-storm": "undrift.common.networks.ncsnpp.storm_network:StormNetwork",
}


def build_network(name: str, params: dict[str, object]) -> nn.Module:
    """Builds a network; raises InputError for an unknown name or parameter, or a wrong value."""
    if name not in NETWORKS:
        raise InputError(
            f"network {name!r} is not one of {', '.join(NETWORKS)}{nearest(name, NETWORKS)}"
        )
    module, attribute = NETWORKS[name].split(":")
    try:
        return getattr(importlib.import_module(module), attribute)(**params)
    except (TypeError, ValueError) as error:
        raise InputError(f"network {name}: {error}") from error

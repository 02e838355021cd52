"""Networks: F(inputs, psi, level) -> output, built by name from plain parameters."""

from undrift.common.networks.build import build_network as build_network

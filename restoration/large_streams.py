"""How a large picture goes through: in strips of full width where its network can be streamed.

Elsewhere in windows (`large_plan`): on other devices than a processor, with other networks, steps
that look at more than their pixel, a variance that turned pictures would have to share, alpha, and
tiles that were asked for.
"""

from undrift.common.denoisers import Denoiser
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.sampling import Sampler
from undrift.common.solvers.plan import Step
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.large_memory import strip_height
from undrift.restoration.large_plan import Plan, cut, grid_of, plan_for
from undrift.restoration.pictures.picture import Picture
from undrift.restoration.pictures.rows import Rows


def streams(sampler: Sampler, sheet: Picture) -> bool:
    """Whether the picture can go through in strips."""
    denoiser = sampler.model.denoiser
    network = denoiser.network
    local = type(network) is LocalNAFNet and not network.periodic
    plain = type(denoiser) in (Denoiser, GreyAsColour) and not denoiser.variance
    wishes = sampler.wishes
    whole = wishes.pad_modes() or wishes.tile != "auto" or sampler.choice.samples > 1
    here = sampler.device == "cpu" and sheet.alpha is None
    return local and plain and here and not whole and _is_pointwise(sampler)


def _is_pointwise(sampler: Sampler) -> bool:
    return all(type(step) is Step for step in sampler.plan())


def planned(rows: Rows, sampler: Sampler, scale: float = 1.0, more: int = 0) -> Plan | None:
    """Strips or windows; None where the result would not be that of the whole. See `plan_for`."""
    network = sampler.model.denoiser.network
    if rows.sheet is not None and streams(sampler, rows.sheet) and isinstance(network, LocalNAFNet):
        found = _strips(rows, sampler, network, scale, more)
        if found is not None:
            return found
    return plan_for(rows, sampler, scale, more)


def _strips(
    rows: Rows, sampler: Sampler, network: LocalNAFNet, scale: float, more: int
) -> Plan | None:
    """Strips that see `more` pixels of the picture at each side; None where they do not fit."""
    grid = grid_of(scale, network.multiple)
    height, width = rows.known.height, rows.known.width
    kept = strip_height(sampler, network, round(width * scale))
    if grid is None or kept is None:
        return None
    down = cut(height, int(kept / scale), grid, more)
    return Plan(rows, down, cut(width, width + grid, grid, 0), scale, grid, network)

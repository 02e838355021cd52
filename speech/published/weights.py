"""Which tensors of a checkpoint are used: the moving average of the parameters, where there is one.

Authors evaluate with it. The list is in the order of `parameters()`, for StoRM the predictive
network's first; it holds the frozen random rates too, or (of other versions of torch-ema) not.
"""

from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.speech.published.reading import Checkpoint


def chosen_weights(checkpoint: Checkpoint, network: nn.Module) -> tuple[dict[str, Tensor], str]:
    """Tensors for `network`, which may be on the meta device, in float32; and which they are.

    Raises InputError if names, shapes or the length of the average do not fit.
    """
    state = dict(checkpoint.state)
    _fit(checkpoint, state, network)
    if checkpoint.average is None:
        return _single(state), "as trained last, the file has no moving average"
    parameters = dict(network.named_parameters())
    trained = [name for name, parameter in parameters.items() if parameter.requires_grad]
    length = len(checkpoint.average)
    names = {len(parameters): list(parameters), len(trained): trained}.get(length)
    if names is None:
        raise InputError(
            f"{checkpoint.path}: its moving average has {length} entries; expected "
            f"{len(parameters)}, or {len(trained)} without the random rates"
        )
    for name, value in zip(names, checkpoint.average, strict=True):
        if value.shape != parameters[name].shape:
            raise InputError(
                f"{checkpoint.path}: its moving average of {name} is {tuple(value.shape)}; "
                f"expected {tuple(parameters[name].shape)}"
            )
        state[name] = value
    return _single(state), "moving average"


def _fit(checkpoint: Checkpoint, state: dict[str, Tensor], network: nn.Module) -> None:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    problems = [f"{key} is missing" for key in wanted if key not in given]
    problems += [f"{key} is not expected" for key in given if key not in wanted]
    problems += [
        f"{key} is {given[key]}, expected {wanted[key]}"
        for key in wanted
        if key in given and given[key] != wanted[key]
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise InputError(
            f"{checkpoint.path}: its tensors are not of the network that its options describe: "
            f"{'; '.join(problems[:5])}{more}; tell other options by --set"
        )


def _single(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.float() for key, value in state.items()}

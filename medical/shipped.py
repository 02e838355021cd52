"""Default models of calls: those that ship with the package, or how to get one that does not."""

from undrift.common.errors import InputError, MissingExtraError


def shipped(name: str) -> str:
    """The name of a default model, if its weights are here.

    Raises MissingExtraError that says how to make them.
    """
    from undrift.common.weights.model import find_weights

    try:
        find_weights(name)
    except InputError as error:
        raise MissingExtraError(
            f"the weights of {name} are not part of this release; make them with `undrift train "
            f"{name}`, then give model=runs/{name}/{name}.safetensors (--model)"
        ) from error
    return name

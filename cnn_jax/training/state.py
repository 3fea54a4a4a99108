"""A Flax model as plain arrays and a pure function: the only file that splits and merges models."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from cnn_jax import arguments

from ._checks import check_key, check_optimizer, check_type
from ._leaves import differences, shapes, some

# The parts of a model, in the order in which `nnx.split` returns them.
PARTS = (nnx.Param, nnx.RngState, ...)

# apply(params, stats, images, key=None) -> (logits, stats)
Apply = Callable[..., tuple[jax.Array, Any]]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """Everything that training changes, as arrays.

    It holds no random state: the keys of a step derive from one base key and `step`. So two equal
    states that are trained with the same key and data stay equal, bit for bit.

    Args:
        step: optimizer steps made so far, int32 scalar.
        params: nested dict of what the optimizer changes.
        stats: nested dict of the model's other arrays (BatchNorm's running averages); may be empty.
        opt_state: the optimizer's own arrays.
    """

    step: jax.Array
    params: Any
    stats: Any
    opt_state: Any


def init(
    model: nnx.Module,
    optimizer: optax.GradientTransformation,
    prepare: Callable[[jax.Array], jax.Array],
) -> tuple[TrainState, Apply]:
    """Return the first state of a training run, and the model as a pure function of such states.

    The state holds copies: `model` stays usable when the state's buffers are donated, and training
    never changes it; `trained` goes back from a state to a model.

    Args:
        model: maps prepared images `(batch, ...)` to logits `(batch, classes)`.
        optimizer: from optax.
        prepare: maps a batch of stored images, `(batch, ...)` of any dtype, to the floating-point
            array that the model takes. It runs on the device, so stored images can stay uint8.

    Returns:
        The state, and `apply(params, stats, images, key=None) -> (logits, stats)`. With a `key` the
        model runs in training mode, every random stream seeded from that key; without one in
        evaluation mode, and the statistics come back unchanged.

    Raises:
        TypeError: `model` is no `nnx.Module`, `optimizer` is none of optax, `prepare` cannot be
            called, or (when `apply` runs) `prepare` returns integers.

    Example:
        >>> model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        >>> state, apply = init(model, optax.sgd(0.1), lambda images: images / 255)
        >>> logits, stats = apply(state.params, state.stats, jnp.ones((2, 4)))
        >>> logits.shape, stats, int(state.step)
        ((2, 3), {}, 0)
    """
    check_type("model", model, nnx.Module, "a flax.nnx.Module")
    check_optimizer(optimizer)
    arguments.function("prepare", prepare, "a batch of images")
    training = nnx.clone(model)
    training.train()
    training_graph, params, streams, stats = nnx.split(training, *PARTS)
    evaluation = nnx.clone(model)
    evaluation.eval()
    evaluation_graph = nnx.split(evaluation, *PARTS)[0]
    streams = jax.tree.map(_abstract, nnx.to_pure_dict(streams))

    def apply(params, stats, images, key=None):
        graph = evaluation_graph if key is None else training_graph
        key = jax.random.key(0) if key is None else check_key(key)
        rngs = _seeded(streams, key)
        # copy=True makes new variables in this trace, without which `grad` fails inside `jit`.
        module: Any = nnx.merge(graph, params, rngs, stats, copy=True)
        logits = module(_floating(prepare(images)))
        _, _, _, stats = nnx.split(module, *PARTS)
        return logits, nnx.to_pure_dict(stats)

    params = nnx.to_pure_dict(params)
    state = TrainState(
        jnp.zeros((), jnp.int32), params, nnx.to_pure_dict(stats), optimizer.init(params)
    )
    return jax.tree.map(_own, state), apply


def trained(model: nnx.Module, state: TrainState) -> Any:
    """Return a copy of `model` that holds copies of the arrays of `state`, in evaluation mode.

    Args:
        model: the model that `init` was given; it is left as it is.
        state: a state of that model, at any step.

    Raises:
        TypeError: `model` is no `nnx.Module`, or `state` is no `TrainState`.
        ValueError: the arrays of `state` are not those of `model`; the message names what differs.

    Example:
        >>> model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        >>> state, apply = init(model, optax.sgd(0.1), lambda images: images)
        >>> trained(model, state)(jnp.ones((2, 4))).shape
        (2, 3)
    """
    check_type("model", model, nnx.Module, "a flax.nnx.Module")
    check_type("state", state, TrainState, "a TrainState")
    copy = nnx.clone(model)
    copy.eval()
    graph, params, streams, stats = nnx.split(copy, *PARTS)
    own = {"params": nnx.to_pure_dict(params), "stats": nnx.to_pure_dict(stats)}
    given = {"params": state.params, "stats": state.stats}
    if found := differences(shapes(own), shapes(given)):
        raise ValueError(
            f"`state` must be a state of `model`; in `model` (here) and `state` (there) "
            f"{some(found)}."
        )
    params, stats = jax.tree.map(_own, (state.params, state.stats))
    return nnx.merge(graph, params, streams, stats)


def _seeded(streams, key):
    """The arrays of the random streams: a key for each, split from `key`, and a count of 0."""
    leaves, structure = jax.tree.flatten(streams)
    is_key = [jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in leaves]
    # One split for all: each further call of threefry takes XLA 0.3 s to compile on CPU.
    keys = jax.random.split(key, sum(leaf.size for leaf, is_one in zip(leaves, is_key) if is_one))
    for i, leaf in enumerate(leaves):
        if is_key[i]:
            leaves[i], keys = keys[: leaf.size].reshape(leaf.shape), keys[leaf.size :]
        else:
            leaves[i] = jnp.zeros(leaf.shape, leaf.dtype)
    return jax.tree.unflatten(structure, leaves)


def _own(array):
    # An explicit dtype makes the array strongly typed; a weak type would retrace step 2.
    return jnp.array(array, dtype=jnp.asarray(array).dtype, copy=True)


def _abstract(array):
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _floating(images):
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise TypeError(f"`prepare` must return floating images; it returned {images.dtype}.")
    return images

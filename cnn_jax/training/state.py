"""A Flax model as plain arrays and a pure function of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments

from ._checks import check_key, check_optimizer, check_type
from ._frozen import cast_at, check_frozen, freeze, frozen_paths, joined, kept_at, parts_of
from ._leaves import differences, shapes, some
from .hosts import fetch

# apply(params, stats, batch, key=None) -> (outputs, stats)
Apply = Callable[..., tuple[Any, Any]]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """Everything that training changes, as arrays.

    It holds no random state: the keys of a step derive from the run's key and `step`. So two equal
    states that are trained with the same key and data stay equal, bit for bit.

    Args:
        step: optimizer steps made so far, int32 scalar.
        params: nested dict of what the optimizer changes.
        stats: nested dict of the model's other arrays: running averages, and frozen parameters. It
            may be empty.
        opt_state: the optimizer's own arrays.
    """

    step: jax.Array
    params: Any
    stats: Any
    opt_state: Any


def image(model: Any, batch: Any) -> Any:
    """Call a model on the images of a batch: how most models are called.

    Example:
        >>> image(lambda images: images.shape, {"image": jnp.ones((2, 28, 28, 1))})
        (2, 28, 28, 1)
    """
    return model(batch["image"])


def init(
    model: nnx.Module,
    optimizer: optax.GradientTransformation,
    *,
    forward: Callable[[Any, Any], Any] = image,
    frozen: Sequence[str] = (),
    dtype: DTypeLike | None = None,
) -> tuple[TrainState, Apply]:
    """Return the first state of a training run, and the model as a pure function of such states.

    The state holds copies: `model` stays usable when the state's buffers are donated, and training
    never changes it; `trained` goes back from a state to a model.

    Args:
        model: any Flax module.
        optimizer: from optax.
        forward: `(model, batch) -> outputs`, how the model is called. The default calls it on
            `batch["image"]`.
        frozen: paths of parts that training leaves as they are, such as `("stem", "stage1.0")`;
            `*` stands for any characters. Their parameters get no updates, and their modules run in
            evaluation mode: batch norm uses its running averages and keeps them, dropout is off.
        dtype: of the computation, such as `jnp.bfloat16`: parameters and floating-point inputs are
            cast to it, and the outputs to float32. The state keeps the parameters' own dtype. None
            computes in the dtypes as they are.

    Returns:
        The state, and `apply(params, stats, batch, key=None) -> (outputs, stats)`. With a `key` the
        model runs in training mode, every random stream seeded from that key; without one in
        evaluation mode, and the statistics come back unchanged.

    Raises:
        TypeError: `model` is no `nnx.Module`, `optimizer` is none of optax, `forward` cannot be
            called, or `dtype` is no floating-point type.
        ValueError: a path in `frozen` is none of the model's, or nothing is left to train.

    Example:
        >>> model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        >>> state, apply = init(model, optax.sgd(0.1))
        >>> outputs, stats = apply(state.params, state.stats, {"image": jnp.ones((2, 4))})
        >>> outputs.shape, stats, int(state.step)
        ((2, 3), {}, 0)
    """
    check_type("model", model, nnx.Module, "a flax.nnx.Module")
    check_optimizer(optimizer)
    arguments.function("forward", forward, "(model, batch)")
    if dtype is not None and not jnp.issubdtype(arguments.dtype("dtype", dtype), jnp.floating):
        raise TypeError(
            f"`dtype` must be a floating-point type, such as jnp.bfloat16; got {dtype}."
        )
    check_frozen(model, frozen)
    parts = parts_of(frozen)
    training = nnx.clone(model)
    training.train()
    freeze(training, frozen)
    training_graph, params, streams, stats = nnx.split(training, *parts)
    evaluation = nnx.clone(model)
    evaluation.eval()
    evaluation_graph = nnx.split(evaluation, *parts)[0]
    streams = jax.tree.map(_abstract, nnx.to_pure_dict(streams))
    frozen_params = frozen_paths(model, frozen)

    def apply(params, stats, batch, key=None):
        graph = evaluation_graph if key is None else training_graph
        key = jax.random.key(0) if key is None else check_key(key)
        rngs = _seeded(streams, key)
        fixed = stats
        if dtype is not None:
            params, batch = _cast((params, batch), dtype)
            fixed = cast_at(stats, frozen_params, dtype)
        # copy=True makes new variables in this trace, without which `grad` fails inside `jit`.
        module: Any = nnx.merge(graph, params, rngs, fixed, copy=True)
        if dtype is None:
            outputs = forward(module, batch)
        else:
            # Flax's norms mix dtypes, which a caller's strict promotion refuses.
            with jax.numpy_dtype_promotion("standard"):
                outputs = _cast(forward(module, batch), jnp.float32)
        _, _, _, after = nnx.split(module, *parts)
        return outputs, kept_at(nnx.to_pure_dict(after), stats, frozen_params)

    params = nnx.to_pure_dict(params)
    state = TrainState(
        jnp.zeros((), jnp.int32), params, nnx.to_pure_dict(stats), optimizer.init(params)
    )
    return jax.tree.map(_own, state), apply


def trained(model: nnx.Module, state: TrainState) -> Any:
    """Return a copy of `model` that holds copies of the arrays of `state`, in evaluation mode.

    Args:
        model: the model that `init` was given; it is left as it is.
        state: a state of that model, at any step. Several hosts must call this together; each gets
            the whole model, on its own device.

    Raises:
        TypeError: `model` is no `nnx.Module`, or `state` is no `TrainState`.
        ValueError: the arrays of `state` are not those of `model`; the message names what differs.

    Example:
        >>> model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        >>> state, apply = init(model, optax.sgd(0.1))
        >>> trained(model, state)(jnp.ones((2, 4))).shape
        (2, 3)
    """
    check_type("model", model, nnx.Module, "a flax.nnx.Module")
    check_type("state", state, TrainState, "a TrainState")
    copy = nnx.clone(model)
    copy.eval()
    graph, streams, arrays = nnx.split(copy, nnx.RngState, ...)
    arrays, given = nnx.to_pure_dict(arrays), joined(state.params, state.stats)
    if found := differences(shapes(arrays), shapes(given)):
        raise ValueError(
            f"`state` must be a state of `model`; in `model` (here) and `state` (there) "
            f"{some(found)}."
        )
    if jax.process_count() > 1:  # else the model could only be called by all hosts together
        given = fetch(given)
    return nnx.merge(graph, streams, jax.tree.map(_own, given))


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


def _cast(tree, dtype):
    """The floating-point arrays of a tree in another dtype."""
    return jax.tree.map(
        lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree
    )

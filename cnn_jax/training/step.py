"""One training step: loss, gradient, update."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cnn_jax import arguments

from ._checks import check_optimizer
from .state import Apply, TrainState

# loss(outputs, batch) -> ((n,), {name: (n,)})
Loss = Callable[[Any, Any], tuple[jax.Array, dict[str, jax.Array]]]
# prepare(batch, key) -> batch
Prepare = Callable[[Any, jax.Array | None], Any]
# step(state, batch, key) -> (state, {name: ()})
Step = Callable[[Any, Any, jax.Array], tuple[Any, dict[str, jax.Array]]]


def unprepared(batch: Any, key: jax.Array | None) -> Any:
    """Return the batch as it is.

    Example:
        >>> unprepared({"image": 3}, None)
        {'image': 3}
    """
    return batch


def make_step(
    apply: Apply,
    optimizer: optax.GradientTransformation,
    loss: Loss,
    *,
    prepare: Prepare = unprepared,
    skip_nonfinite: bool = False,
) -> Step:
    """Return one pure training step: it lowers the mean loss of a batch.

    `fit` compiles it. It may be replaced by any function of the same form, with a state of its own:
    a step for two networks against each other, or with a penalty on the gradient. Such a state
    needs a field `step`, the number of steps made.

    Args:
        apply: from `init`.
        optimizer: the one that `init` was given.
        loss: `(outputs, batch) -> (losses, others)`: the loss of each example, `(n,)`, and other
            measures of each example by name, `(n,)`.
        prepare: `(batch, key) -> batch`, on the device: from stored examples to what the model
            takes. It may augment when there is a key; in evaluation the key is None.
        skip_nonfinite: leave parameters, statistics and the optimizer's state as they are when the
            loss or a gradient is not finite, and report `skipped`: 1 for such a step, else 0.

    Returns:
        `step(state, batch, key) -> (state, metrics)`: `batch` a tree of arrays with one leading
        axis, `key` a typed key of this step alone, and metrics the means of the batch by name,
        scalars; one is `loss`.

    Raises:
        TypeError: an argument is no function, or `optimizer` is none of optax.
        ValueError: when the step is traced: the loss returns other shapes.

    Example:
        >>> from flax import nnx
        >>> from cnn_jax import tasks, training
        >>> model, optimizer = nnx.Linear(4, 3, rngs=nnx.Rngs(0)), optax.sgd(0.1)
        >>> state, apply = training.init(model, optimizer)
        >>> step = jax.jit(make_step(apply, optimizer, tasks.classification.loss()))
        >>> batch = {"image": jnp.ones((8, 4)), "label": jnp.zeros(8, jnp.int32)}
        >>> state, first = step(state, batch, jax.random.key(0))
        >>> state, second = step(state, batch, jax.random.key(1))
        >>> int(state.step), bool(second["loss"] < first["loss"]), sorted(second)
        (2, True, ['accuracy', 'loss'])
    """
    arguments.function("apply", apply, "(params, stats, batch, key)")
    check_optimizer(optimizer)
    arguments.function("loss", loss, "(outputs, batch)")
    arguments.function("prepare", prepare, "(batch, key)")
    arguments.flag("skip_nonfinite", skip_nonfinite)

    def step(state, batch, key):
        prepare_key, model_key = jax.random.split(key)
        prepared = prepare(batch, prepare_key)

        def mean_loss(params):
            outputs, stats = apply(params, state.stats, prepared, model_key)
            means = {name: jnp.mean(m) for name, m in measures(loss, outputs, prepared).items()}
            return means["loss"], (stats, means)

        grads, (stats, means) = jax.grad(mean_loss, has_aux=True)(state.params)
        # optax's Adam raises a float to an int power, which a caller's strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        after = TrainState(state.step + 1, params, stats, opt_state)
        return _unless_nonfinite(after, state, grads, means) if skip_nonfinite else (after, means)

    return step


def measures(loss: Loss, outputs: Any, batch: Any) -> dict[str, jax.Array]:
    """The loss and the other measures of each example by name, float32 `(n,)`.

    Raises:
        TypeError, ValueError: the loss returned something else.
    """
    result = loss(outputs, batch)
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
        raise TypeError(
            "`loss` must return (losses, others): an array (n,) and a dict of such arrays; got "
            f"{arguments.shown(result)}."
        )
    losses, others = result
    if "loss" in others:
        raise ValueError("`loss` must call its other measures something else than 'loss'.")
    named = {"loss": losses, **others}
    examples = (len(jax.tree.leaves(batch)[0]),)
    for name, values in named.items():
        if jnp.shape(values) != examples:
            raise ValueError(
                f"`loss` must return one number for each example, {examples}; its {name!r} has "
                f"the shape {jnp.shape(values)}."
            )
    return {name: jnp.asarray(values, jnp.float32) for name, values in named.items()}


def loss_first(names: Iterable[str]) -> list[str]:
    """Sort names; JAX sorts them too, and the loss is read first."""
    return sorted(names, key=lambda name: (name != "loss", name))


def _unless_nonfinite(after, before, grads, means):
    finite = jnp.isfinite(means["loss"])
    for gradient in jax.tree.leaves(grads):
        finite &= jnp.isfinite(gradient).all()
    chosen = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, before)
    means = {name: jnp.where(finite, mean, jnp.zeros_like(mean)) for name, mean in means.items()}
    skipped = 1 - finite.astype(jnp.float32)
    state = TrainState(after.step, chosen.params, chosen.stats, chosen.opt_state)
    return state, {**means, "skipped": skipped}

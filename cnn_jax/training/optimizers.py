"""What optax lacks for training networks: an average of the parameters, rates and decay by path.

Optax has the rest, and a step takes any of it::

    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.cosine_onecycle_schedule(steps, 1e-3), mask=training.decayed),
        training.scale_by_path({"stem": 0.1}),
        training.average_params(0.999),
    )
    optimizer = optax.MultiSteps(optimizer, every_k_schedule=4)  # accumulates gradients
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from cnn_jax import arguments

from ._paths import check_patterns, dotted, matches, named
from .state import TrainState


def decayed(params: Any) -> Any:
    """Say which parameters weight decay is for: kernels, not biases and not norms' scales.

    Args:
        params: nested dict of arrays.

    Returns:
        The same tree of bools, for the `mask` of optax's optimizers: False for arrays of at most
        one axis and for any that is called `bias`.

    Example:
        >>> decayed({"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)})
        {'bias': False, 'kernel': True}
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, array: array.ndim > 1 and path[-1].key != "bias", params
    )


def scale_by_path(factors: Mapping[str, float]) -> optax.GradientTransformation:
    """Multiply the updates of some parameters: a learning rate of their own.

    Args:
        factors: by path, such as `{"stem": 0.1, "head": 10.0}`; a path stands for all that lies
            in it. Where several match, the longest path counts; where none does, the factor is 1.

    Returns:
        A transformation of optax, to be chained after the optimizer.

    Raises:
        TypeError, ValueError: `factors` is no mapping of paths to numbers of at least 0; or, when
            the optimizer is initialized, a path is none of the model's.

    Example:
        >>> rates = scale_by_path({"head": 0.5})
        >>> params = {"head": {"bias": jnp.ones(2)}, "stem": {"bias": jnp.ones(2)}}
        >>> updates, _ = rates.update(params, rates.init(params))
        >>> updates["head"]["bias"].tolist(), updates["stem"]["bias"].tolist()
        ([0.5, 0.5], [1.0, 1.0])
    """
    if not isinstance(factors, Mapping):
        raise TypeError(
            f"`factors` must map paths to numbers, such as {{'stem': 0.1}}; got {factors!r}."
        )
    for path, factor in factors.items():
        arguments.number(f"factors[{path!r}]", factor, at_least=0)

    def init(params):
        check_patterns("factors", list(factors), named(params))
        return optax.EmptyState()

    def update(updates, state, params=None):
        def scaled(path, value):
            path = dotted(key.key for key in path)
            found = [pattern for pattern in factors if matches(path, pattern)]
            return value * factors[max(found, key=len)] if found else value

        return jax.tree_util.tree_map_with_path(scaled, updates), state

    return optax.GradientTransformation(init, update)


class AverageState(NamedTuple):
    """The state of `average_params`: how many updates were made, and the averages."""

    made: jax.Array
    average: Any


def average_params(decay: float) -> optax.GradientTransformation:
    """Keep an exponential moving average of the parameters, which `averaged` takes out.

    `average = d * average + (1 - d) * params` after every update, with `d = min(decay, (1 + t) /
    (10 + t))` in update `t`, so that the first parameters are soon forgotten. It must be the last
    of a chain, as it adds the updates to the parameters.

    Args:
        decay: in `[0, 1)`; an average over about `1 / (1 - decay)` updates.

    Returns:
        A transformation of optax that leaves the updates as they are.

    Raises:
        TypeError, ValueError: `decay` is no such number.

    References:
        B. Polyak, A. Juditsky, Acceleration of stochastic approximation by averaging (1992), SIAM
        J. Control Optim. 30(4). The start is that of TensorFlow's ExponentialMovingAverage.

    Example:
        >>> optimizer = optax.chain(optax.sgd(1.0), average_params(0.9))
        >>> params = {"w": jnp.zeros(1)}
        >>> _, state = optimizer.update({"w": -jnp.ones(1)}, optimizer.init(params), params)
        >>> state[-1].average["w"].round(2).tolist()
        [0.8999999761581421]
    """
    arguments.number("decay", decay, at_least=0, below=1)

    def init(params):
        return AverageState(jnp.zeros((), jnp.int32), jax.tree.map(jnp.copy, params))

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("`average_params` needs the parameters: update(grads, state, params).")
        t = state.made.astype(jnp.float32)
        d = jnp.minimum(jnp.float32(decay), (1 + t) / (10 + t))

        def mixed(average, param):
            return average + (1 - d).astype(average.dtype) * (param - average)

        average = jax.tree.map(mixed, state.average, optax.apply_updates(params, updates))
        return updates, AverageState(state.made + 1, average)

    return optax.GradientTransformation(init, update)


def has_average(state: TrainState) -> bool:
    """Say whether the optimizer of a state keeps an average of the parameters.

    Example:
        >>> has_average(TrainState(jnp.int32(0), {}, {}, ()))
        False
    """
    return bool(_averages(state))


def averaged(state: TrainState) -> TrainState:
    """Return a state whose parameters are the average that its optimizer keeps.

    Args:
        state: made with an optimizer that has `average_params` in it; it stays usable.

    Raises:
        ValueError: its optimizer keeps no average, or several.

    Example:
        >>> optimizer = optax.chain(optax.sgd(1.0), average_params(0.9))
        >>> params = {"w": jnp.zeros(1)}
        >>> state = TrainState(jnp.int32(0), params, {}, optimizer.init(params))
        >>> averaged(state).params["w"].tolist()
        [0.0]
    """
    found = _averages(state)
    if len(found) != 1:
        raise ValueError(
            "The optimizer of `state` must have one training.average_params in it; it has "
            f"{len(found)}."
        )
    return dataclasses.replace(state, params=found[0].average)


def restarted(opt_state: Any, params: Any) -> Any:
    """An optimizer's state whose averages, if it keeps any, begin anew at these parameters."""
    return jax.tree.map(
        lambda node: AverageState(node.made, params) if _is_average(node) else node,
        opt_state,
        is_leaf=_is_average,
    )


def _is_average(node: Any) -> bool:
    return isinstance(node, AverageState)


def _averages(state: TrainState) -> list[AverageState]:
    nodes = jax.tree.leaves(state.opt_state, is_leaf=_is_average)
    return [node for node in nodes if _is_average(node)]

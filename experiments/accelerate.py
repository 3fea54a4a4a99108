"""Networks of other libraries, with their convolutions and pools computed by ours.

    KERAS_BACKEND=jax python -m experiments.accelerate  every library that is installed, 2 minutes
    python -m experiments.accelerate --networks haiku

For each network, inference and a training step (value, gradients and update in one program): as it
is; given to `cnn_jax.accelerate`; and by hand, traced while our drop-ins stand in the place of
`jax.lax`'s functions, which is what the library would do if it were written with ours. All three
run in turn; values and gradients are compared. It prints a table.

2 CPU cores: 2 minutes. Draws nothing.
"""

import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.table import Table

from cnn_jax import accelerate
from cnn_jax import functional as F
from experiments.compare_ops.clocks import timing
from experiments.running import command
from experiments.running.options import require, require_types

CLASSES, RATE = 10, 1e-3


@dataclass(frozen=True)
class Network:
    """A network as pure functions of its variables, a pytree of arrays."""

    title: str
    logits: Callable[[Any, jax.Array], jax.Array]
    """(variables, images) -> logits, as in inference."""
    trained: Callable[[Any, jax.Array], jax.Array]
    """The same as in training, with batch statistics."""
    variables: Any
    images: jax.Array


def of_linen(key: jax.Array) -> Network:
    """Blocks of MobileNetV2, in Flax Linen."""
    from flax import linen

    class Block(linen.Module):
        channels: int
        stride: int

        @linen.compact
        def __call__(self, x, train):
            hidden = 6 * x.shape[-1]
            norm = lambda: linen.BatchNorm(use_running_average=not train)  # noqa: E731
            y = linen.relu6(norm()(linen.Conv(hidden, (1, 1), use_bias=False)(x)))
            depthwise = linen.Conv(
                hidden, (3, 3), self.stride, feature_group_count=hidden, use_bias=False
            )
            y = linen.relu6(norm()(depthwise(y)))
            y = norm()(linen.Conv(self.channels, (1, 1), use_bias=False)(y))
            return x + y if x.shape == y.shape else y

    class Blocks(linen.Module):
        @linen.compact
        def __call__(self, x, train):
            x = linen.relu(linen.Conv(32, (3, 3), 2)(x))
            for channels, stride in ((24, 2), (24, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
                x = Block(channels, stride)(x, train)
            return linen.Dense(CLASSES)(x.mean((1, 2)))

    module, images = Blocks(), jax.random.normal(key, (8, 96, 96, 3))

    def trained(variables, x):
        return module.apply(variables, x, True, mutable="batch_stats")[0]

    return Network(
        "Flax Linen, 6 blocks of MobileNetV2, 8x96x96",
        lambda variables, x: module.apply(variables, x, False),
        trained,
        module.init(key, images, False),
        images,
    )


def of_haiku(key: jax.Array) -> Network:
    """ResNet-18, of Haiku."""
    import haiku as hk

    net = hk.without_apply_rng(
        hk.transform_with_state(lambda x, train: hk.nets.ResNet18(CLASSES)(x, train))
    )
    images = jax.random.normal(key, (16, 64, 64, 3))
    return Network(
        "Haiku, ResNet-18, 16x64x64",
        lambda variables, x: net.apply(*variables, x, False)[0],
        lambda variables, x: net.apply(*variables, x, True)[0],
        net.init(key, images, True),
        images,
    )


def of_equinox(key: jax.Array) -> Network:
    """Five convolutions and two overlapping max pools, channels first, in Equinox."""
    import equinox as eqx

    layers, keys = [], iter(jax.random.split(key, 6))
    for number, (c, o) in enumerate(((3, 32), (32, 64), (64, 64), (64, 128), (128, 128))):
        conv = eqx.nn.Conv2d(c, o, 3, padding=1, key=next(keys))
        layers += [conv, eqx.nn.Lambda(jax.nn.relu)]
        layers += [eqx.nn.MaxPool2d(3, 2, padding=1)] if number in (1, 3) else []
    head = eqx.nn.Linear(128, CLASSES, key=next(keys))
    layers += [eqx.nn.AdaptiveAvgPool2d(1), eqx.nn.Lambda(jnp.ravel), head]
    variables, rest = eqx.partition(eqx.nn.Sequential(layers), eqx.is_array)

    def logits(variables, x):
        return jax.vmap(eqx.combine(variables, rest))(x)

    images = jax.random.normal(key, (16, 3, 64, 64))
    return Network("Equinox, CNN, 16x64x64", logits, logits, variables, images)


def of_keras(key: jax.Array) -> Network:
    """MobileNetV2, of Keras on JAX (KERAS_BACKEND=jax)."""
    import keras

    require("KERAS_BACKEND", keras.backend.backend() == "jax", "jax", keras.backend.backend())
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=CLASSES)
    variables = tuple(
        [v.value for v in some]
        for some in (model.trainable_variables, model.non_trainable_variables)
    )

    def apply(train):
        def probabilities(variables, x):
            return model.stateless_call(*variables, x, training=train)[0]

        return lambda variables, x: jnp.log(probabilities(variables, x) + 1e-7)

    images = jax.random.normal(key, (4, 96, 96, 3))
    return Network("Keras, MobileNetV2, 4x96x96", apply(False), apply(True), variables, images)


NETWORKS = {"linen": of_linen, "haiku": of_haiku, "equinox": of_equinox, "keras": of_keras}
MODULES = {"linen": "flax", "haiku": "haiku", "equinox": "equinox", "keras": "keras"}


@dataclass(frozen=True)
class Config:
    """Compare networks as they are with the same networks by our operations."""

    networks: str = ""
    """Only these, separated by commas: linen, haiku, equinox, keras; by default all that are
    installed."""
    seconds: float = 5.0
    """How long to time each."""

    def __post_init__(self):
        require_types(self)
        require("--seconds", 0 < self.seconds < 1e4, "positive, at most 10000", self.seconds)
        for name in self.chosen:
            require("--networks", name in NETWORKS, f"some of {', '.join(NETWORKS)}", name)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the networks to compare."""
        named = tuple(filter(None, (name.strip() for name in self.networks.split(","))))
        return named or tuple(name for name in NETWORKS if importlib.util.find_spec(MODULES[name]))


def by_hand(f: Callable) -> Callable:
    """`f`, traced with our drop-ins in the place of `jax.lax`'s functions."""
    originals = {name: getattr(lax, name) for name in ("conv_general_dilated", "reduce_window")}

    def ours(name: str) -> Callable:
        def call(*arguments, **options):
            with mock.patch.multiple(lax, **originals):  # our own code calls them too
                return getattr(F, name)(*arguments, **options)

        return call

    def traced(*arguments):
        with mock.patch.multiple(lax, **{name: ours(name) for name in originals}):
            return f(*arguments)

    return traced


CONTENDERS = {"as it is": lambda f: f, "accelerated": accelerate, "by hand": by_hand}


def step(network: Network, wrap: Callable) -> Callable:
    """A step of gradient descent: (variables, images, labels) -> (variables, loss)."""
    trained = wrap(network.trained)

    def loss(variables, x, labels):
        logits = jax.nn.log_softmax(trained(variables, x))
        return -jnp.take_along_axis(logits, labels[:, None], 1).mean()

    def descend(variables, x, labels):
        value, gradients = jax.value_and_grad(loss, allow_int=True)(variables, x, labels)
        return jax.tree.map(moved, variables, gradients), value

    def moved(variable, gradient):
        is_counter = jnp.issubdtype(variable.dtype, jnp.integer)
        return variable if is_counter else variable - RATE * gradient

    return descend


def compare(network: Network, seconds: float, table: Table) -> None:
    """Add the rows of a network: inference and training step of each contender."""
    labels = jnp.arange(len(network.images)) % CLASSES
    for what in ("inference", "training step"):
        programs, expected = {}, None
        for name, wrap in CONTENDERS.items():
            given = (network.variables, network.images)
            if what == "inference":
                program = timing.compiled(wrap(network.logits), *given)
            else:
                given = (*given, labels)
                program = timing.compiled(step(network, wrap), *given)
            value = program.call(*given)
            value = value if what == "inference" else value[1]
            expected = value if expected is None else expected
            np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-3)
            programs[name] = program, given
        runs = {
            name: lambda program=program, given=given: timing.seconds_of(
                lambda: program.call(*given)
            )
            for name, (program, given) in programs.items()
        }
        times = timing.in_turn(runs, seconds, 3)
        for name, (program, _) in programs.items():
            ratio = timing.ratio(times["as it is"], times[name])
            table.add_row(
                network.title if (what, name) == ("inference", "as it is") else "",
                what if name == "as it is" else "",
                name,
                f"{1e3 * statistics.median(times[name]):.1f}",
                f"{ratio.median:.2f}",
                f"{ratio.spread[0]:.2f}-{ratio.spread[1]:.2f}",
                f"{program.compile_seconds:.1f}",
            )
        table.add_section()


def main(config: Config) -> None:
    """Compare the networks and print a table."""
    table = Table("network", "", "by", "ms", "times as fast", "quartiles", "compile s")
    networks = [NETWORKS[name](jax.random.key(0)) for name in config.chosen]  # or none is timed
    for network in networks:
        compare(network, config.seconds, table)
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{command.device()}, {', '.join(f'{k} {v}' for k, v in command.versions().items())}"
    )


if __name__ == "__main__":
    command.run(main, Config, __doc__)

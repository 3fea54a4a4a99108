"""Networks for tests: made without initializing them, which would compile for every shape."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import functional as F
from tests.compilation import QUICKLY


def abstract(make, *args, **options):
    """The network with shapes for arrays."""
    return nnx.eval_shape(lambda: make(*args, **options, rngs=nnx.Rngs(0)))


def filled(make, *args, seed=0, **options):
    """The network with random numbers in every parameter and statistic, biases included."""
    rng = np.random.default_rng(seed)

    def value(path, leaf):
        name = getattr(path[-2], "key", None)  # the last is the variable's value
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.key(seed)
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return jnp.zeros(leaf.shape, leaf.dtype)
        if name in ("scale", "var"):
            return jnp.asarray(rng.uniform(0.8, 1.25, leaf.shape), leaf.dtype)
        fan_in = max(int(np.prod(leaf.shape[:-1])), 1) if len(leaf.shape) > 1 else 100
        return jnp.asarray(rng.normal(0, (2 / fan_in) ** 0.5, leaf.shape), leaf.dtype)

    graph, state = nnx.split(abstract(make, *args, **options))
    return nnx.merge(graph, jax.tree_util.tree_map_with_path(value, state))


# XLA's newer way of writing out fused loops rounds a layer alike, whatever comes after it.
ALIKE = {name: value for name, value in QUICKLY.items() if name != "xla_cpu_use_fusion_emitters"}


def maps(model, images, options=QUICKLY):
    """What `feature_maps` computes, compiled as one program, by XLA's convolutions."""
    graph, state = nnx.split(model)

    @partial(jax.jit, compiler_options=options)
    def compute(state, images):
        return nnx.merge(graph, state).feature_maps(images)

    with F.using(algorithm="xla"):
        return compute(state, images)


def shapes(model, *size):
    """The shapes of the feature maps, computed for an image of this size without running."""
    graph, state = nnx.split(model)
    image = jax.ShapeDtypeStruct(size, jnp.float32)
    made = jax.eval_shape(lambda s, x: nnx.merge(graph, s).feature_maps(x), state, image)
    return {name: feature_map.shape for name, feature_map in made.items()}


def parameters(model, layer=None):
    """The number of trainable numbers of the network, or of one of its layers."""
    part = model if layer is None else getattr(model, layer)
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(part, nnx.Param)))


def images(*size, seed=0):
    """Random images of this shape."""
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)

"""The training programs, exported for CPU, GPU and TPU from a machine that has only a CPU."""

import jax
import jax.numpy as jnp
import pytest
from jax import export

from cnn_jax import training

from . import tiny
from .tiny import assert_same_bits

PLATFORMS = ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("program", ["step", "epoch", "evaluate"])
def test_a_training_program_is_exported_for_every_platform(program):
    (state, _, _), (apply, step) = tiny.start(), tiny.program()
    images, labels = map(jnp.asarray, tiny.split(8))
    key = jax.random.key(0)
    if program == "evaluate":
        function, arguments = training.make_evaluate(apply, 8), (state, images, labels)
    else:
        function, arguments = step, (state, images, labels, key)
    if program == "epoch":
        function = training.make_epoch(function, 4)
    exported = export.export(function, platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS
    assert "stablehlo.convolution" in exported.mlir_module()
    if program == "epoch":
        return  # running it is two compilations of the largest program here, and shows nothing new
    ours = jax.jit(exported.call)(*jax.tree.map(jnp.copy, arguments))
    theirs = function(*arguments)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert_same_bits(jax.tree.leaves(ours)[0], jax.tree.leaves(theirs)[0])  # the step's number
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert jnp.allclose(one, other, rtol=1e-4, atol=1e-5)

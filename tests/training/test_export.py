"""The training programs, exported for CPU, GPU and TPU from a machine that has only a CPU."""

import jax
import jax.numpy as jnp
import pytest
from jax import export

from . import tiny

PLATFORMS = ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("program", ["step", "evaluation"])
def test_a_training_program_is_exported_for_every_platform(program):
    state, (apply, step) = tiny.start(), tiny.program()
    batch = jax.tree.map(jnp.asarray, tiny.split(8))
    if program == "evaluation":
        function = jax.jit(lambda state, batch: apply(state.params, state.stats, batch))
        arguments = state, tiny.prepare(batch)
    else:
        function, arguments = jax.jit(step), (state, batch, tiny.KEY)
    exported = export.export(function, platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS
    assert "stablehlo.convolution" in exported.mlir_module()
    ours = jax.jit(exported.call)(*arguments)
    theirs = function(*arguments)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert jnp.allclose(one, other, rtol=1e-4, atol=1e-5)

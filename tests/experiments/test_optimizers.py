"""`experiments.running.optimizers.one_cycle`: which arrays Muon trains, and how far a step goes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.running.optimizers import one_cycle

STEPS, RATE, DECAY = 100, 0.01, 0.5
SHAPES = {
    "stem": {"kernel": (3, 3, 4, 16), "bias": (16,)},
    "stage": {"dense": {"kernel": (32, 8)}},
    "logits": {"kernel": (1, 1, 16, 5), "bias": (5,)},
}


def drawn(seed):
    """A tree of normal numbers."""
    shapes, tree = jax.tree.flatten(SHAPES, is_leaf=lambda x: isinstance(x, tuple))
    rng = np.random.default_rng(seed)
    return tree.unflatten([jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes])


def updates_of(optimizer, gradients, params):
    """The updates of each step, of parameters that stay where they are."""
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for gradient in gradients:
        with jax.numpy_dtype_promotion("standard"):  # as a step does for optax
            found, state = update(gradient, state, params)
        yield found


@pytest.fixture(scope="module")
def first():
    """The first update of a cycle without decay."""
    optimizer = one_cycle(STEPS, RATE, 0.0, ["logits"])
    return next(updates_of(optimizer, [drawn(1)], drawn(0)))


@pytest.mark.parametrize("path", [("stem", "kernel"), ("stage", "dense", "kernel")])
def test_a_step_of_a_kernel_goes_equally_far_in_all_its_directions(path, first):
    update, gradient = first, drawn(1)
    for name in path:
        update, gradient = update[name], gradient[name]
    matrix = np.asarray(update).reshape(-1, update.shape[-1])
    gradient = np.asarray(gradient).reshape(matrix.shape)
    lengths = np.linalg.svd(matrix, compute_uv=False) / (RATE / 25)  # where the cycle begins
    expected = 2 * np.sqrt(max(matrix.shape))  # a root mean square of 2: that of Q times this
    np.testing.assert_allclose(lengths, expected, rtol=0.35)  # five steps of Newton and Schulz
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    nearest = left @ right
    cosine = -(matrix * nearest).sum() / np.linalg.norm(matrix) / np.linalg.norm(nearest)
    assert cosine > 0.97


def test_the_rest_is_trained_by_adam():
    params, gradients = drawn(0), [drawn(seed) for seed in range(1, 30)]
    schedule = optax.cosine_onecycle_schedule(STEPS, RATE, pct_start=0.1)
    adam = updates_of(optax.adam(schedule, b2=0.98, nesterov=True), gradients, params)
    muon = updates_of(one_cycle(STEPS, RATE, DECAY, ["logits"]), gradients, params)
    for found, expected in zip(muon, adam):
        for name, part in (("logits", "kernel"), ("logits", "bias"), ("stem", "bias")):
            np.testing.assert_allclose(found[name][part], expected[name][part], rtol=1e-5)
    assert np.abs(found["stem"]["kernel"] - expected["stem"]["kernel"]).max() > 1e-3


def test_only_what_muon_trains_decays():
    params = drawn(0)
    nothing = jax.tree.map(jnp.zeros_like, params)
    found = next(updates_of(one_cycle(STEPS, RATE, DECAY, ["logits"]), [nothing], params))
    for name in ("stem", "stage", "logits"):
        shrunk = 0 if name == "logits" else -DECAY * RATE / 25
        kernels = [tree[name].get("dense", tree[name])["kernel"] for tree in (found, params)]
        np.testing.assert_allclose(kernels[0], shrunk * kernels[1], rtol=1e-5)
    np.testing.assert_array_equal(found["stem"]["bias"], 0)


def test_the_rate_rises_for_a_tenth_and_falls_to_nothing():
    gradients = [drawn(1)] * (STEPS + 1)
    steps = [
        np.abs(found["stem"]["bias"]).mean()
        for found in updates_of(one_cycle(STEPS, RATE, 0.0, []), gradients, drawn(0))
    ]
    assert np.argmax(steps) == STEPS // 10
    assert max(steps) == pytest.approx(RATE, rel=1e-2)  # the same gradient always: Adam's step is 1
    assert steps[-1] < 1e-5


def test_a_cycle_without_a_step_is_one():
    optimizer, params = one_cycle(0, RATE, 0.0, []), drawn(0)
    found = next(updates_of(optimizer, [drawn(1)], params))
    assert all(jax.tree.leaves(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), found)))

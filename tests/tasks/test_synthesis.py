"""Synthesis: losses against PyTorch, the bound against its integral, distances against SciPy."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from cnn_jax.tasks import synthesis

RNG = np.random.default_rng(0)
REAL, MADE = (RNG.normal(0, 5, 40).astype(np.float32) for _ in range(2))


def test_adversarial_losses_are_cross_entropies():
    sigmoid = 1 / (1 + np.exp(-np.stack([REAL, MADE]).astype(np.float64)))
    judged = synthesis.discriminator_loss(REAL, MADE)
    np.testing.assert_allclose(judged, -np.log(sigmoid[0]) - np.log(1 - sigmoid[1]), rtol=1e-5)
    np.testing.assert_allclose(synthesis.generator_loss(MADE), -np.log(sigmoid[1]), rtol=1e-5)


def test_adversarial_losses_are_those_of_torch():
    torch = pytest.importorskip("torch")
    entropy = torch.nn.BCEWithLogitsLoss(reduction="none")
    real, made = torch.tensor(REAL), torch.tensor(MADE)
    expected = entropy(real, torch.ones(40)) + entropy(made, torch.zeros(40))
    found = synthesis.discriminator_loss(REAL, MADE)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    expected, found = entropy(made, torch.ones(40)), synthesis.generator_loss(MADE)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_generator_that_is_found_out_has_a_gradient():
    gradient = jax.grad(lambda made: synthesis.generator_loss(made).sum())(jnp.array([-50.0, 50]))
    np.testing.assert_allclose(gradient, [-1, 0], atol=1e-6)
    assert np.isfinite(synthesis.discriminator_loss([-1e4], [1e4])).all()


def outputs_of(n=3):
    image = RNG.uniform(size=(n, 4, 5, 2)).astype(np.float32)
    logits = RNG.normal(0, 3, image.shape).astype(np.float32)
    mean, log_variance = RNG.normal(size=(2, n, 6)).astype(np.float32)
    return {"logits": logits, "mean": mean, "log_variance": log_variance}, {"image": image}


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_bound_is_its_formula(weight):
    outputs, batch = outputs_of()
    said, x = outputs["logits"].astype(float), batch["image"].astype(float)
    mean, variance = outputs["mean"].astype(float), np.exp(outputs["log_variance"].astype(float))
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(1)
    p = 1 / (1 + np.exp(-said))
    bernoulli = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3))
    normal = ((x - said) ** 2 / (2 * 0.3**2) + math.log(0.3 * math.sqrt(2 * math.pi))).sum(
        (1, 2, 3)
    )
    for options, expected in (
        ({}, bernoulli),
        ({"likelihood": "normal", "deviation": 0.3}, normal),
    ):
        losses, parts = jax.jit(synthesis.loss(**options, weight=weight))(outputs, batch)
        np.testing.assert_allclose(parts["reconstruction"], expected, rtol=1e-5)
        np.testing.assert_allclose(parts["divergence"], kl, rtol=1e-5)
        np.testing.assert_allclose(losses, expected + weight * kl, rtol=1e-5)


def test_the_bound_is_that_of_torch():
    torch = pytest.importorskip("torch")
    outputs, batch = outputs_of()
    d = torch.distributions
    said = {name: torch.tensor(value) for name, value in outputs.items()}
    q = d.Normal(said["mean"], (said["log_variance"] / 2).exp())
    kl = d.kl_divergence(q, d.Normal(0.0, 1.0)).sum(1)
    x = torch.tensor(batch["image"])
    for options, p in (
        ({}, d.Bernoulli(logits=said["logits"], validate_args=False)),
        ({"likelihood": "normal", "deviation": 0.3}, d.Normal(said["logits"], 0.3)),
    ):
        expected = -p.log_prob(x).sum((1, 2, 3)) + kl
        losses, _ = synthesis.loss(**options)(outputs, batch)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_the_divergence_is_the_mean_of_the_difference_of_logarithms():
    mean, deviation = 0.7, 0.4
    x = mean + deviation * np.random.default_rng(1).normal(size=400_000)
    of_q = -(((x - mean) / deviation) ** 2) / 2 - np.log(deviation)
    found = synthesis.divergence(jnp.array([[mean]]), jnp.array([[2 * np.log(deviation)]]))
    assert float(found[0]) == pytest.approx((of_q + x**2 / 2).mean(), abs=5e-3)


def test_a_divergence_of_nearly_equal_distributions_is_not_lost():
    found = synthesis.divergence(jnp.zeros((1, 1)), jnp.full((1, 1), 1e-3))
    assert float(found[0]) == pytest.approx((math.expm1(1e-3) - 1e-3) / 2, rel=1e-2)


def test_a_way_keeps_the_length_and_equal_angles():
    start, end = RNG.normal(size=(2, 50))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    shares = np.linspace(0, 1, 7)
    way = np.asarray(synthesis.slerp(start, end, shares), np.float64)
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(start), rtol=1e-5)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_a_way_along_one_line_is_straight(factor):
    start = RNG.normal(size=8)
    way = synthesis.slerp(start, factor * start, [0.0, 0.5, 1.0])
    if factor == 0:  # the angle is a right one: a quarter of a circle of no height
        assert np.isfinite(way).all()
        way = way.at[1].set(start / 2)
    expected = [start, start * (1 + factor) / 2, factor * start]
    np.testing.assert_allclose(way, expected, atol=1e-5)


def collected(*batches):
    total = synthesis.moments(batches[0].shape[1])
    state, add = total.start(), jax.jit(total.add)
    for batch in batches:
        state = add(state, batch, {})
    return total.result(jax.device_get(state))


def test_moments_are_those_of_numpy_however_they_are_split():
    x = (1000 + RNG.normal(size=(200, 5)) @ RNG.normal(size=(5, 5))).astype(np.float32)
    for parts in ([200], [1, 100, 0, 99], [50] * 4):
        found = collected(*np.split(x, np.cumsum(parts)[:-1]))
        assert found.number == 200
        np.testing.assert_allclose(found.mean, x.astype(float).mean(0), rtol=1e-6)
        np.testing.assert_allclose(
            found.covariance, np.cov(x.astype(float).T), rtol=2e-3, atol=2e-3
        )


def gaussian(rank, features=12, seed=0):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(features, rank))
    return synthesis.Moments(100, rng.normal(size=features), factor @ factor.T)


def test_the_distance_is_that_with_the_root_of_scipy():
    one, other = gaussian(12, seed=1), gaussian(12, seed=2)
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance).real
    expected = ((one.mean - other.mean) ** 2).sum() + np.trace(
        one.covariance + other.covariance - 2 * root
    )
    assert synthesis.frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)
    assert synthesis.frechet_distance(other, one) == pytest.approx(expected, rel=1e-9)


def test_known_distances():
    one = gaussian(12)
    assert synthesis.frechet_distance(one, one) == pytest.approx(0, abs=1e-10)
    moved = one._replace(mean=one.mean + 2)
    assert synthesis.frechet_distance(one, moved) == pytest.approx(12 * 4)
    wider = one._replace(covariance=9 * one.covariance)  # three times the deviation
    trace = np.trace(one.covariance)
    assert synthesis.frechet_distance(one, wider) == pytest.approx(4 * trace)
    line = synthesis.Moments(9, np.zeros(1), np.array([[4.0]]))
    assert synthesis.frechet_distance(line, line._replace(covariance=np.array([[25.0]]))) == 9.0


def test_features_that_never_vary_are_no_error():
    one, other = gaussian(3, seed=1), gaussian(12, seed=2)
    nothing = synthesis.Moments(9, other.mean, np.zeros((12, 12)))
    assert synthesis.frechet_distance(nothing, other) == pytest.approx(np.trace(other.covariance))
    shifted = one.covariance + 1e-9 * np.eye(12)
    near = synthesis.frechet_distance(one._replace(covariance=shifted), other)
    assert synthesis.frechet_distance(one, other) == pytest.approx(near, rel=1e-3)


def test_of_more_images_the_distance_of_one_set_from_itself_is_smaller():
    x = np.random.default_rng(3).normal(size=(2000, 16)).astype(np.float32)
    few = synthesis.frechet_distance(collected(x[:50]), collected(x[50:100]))
    many = synthesis.frechet_distance(collected(x[:1000]), collected(x[1000:]))
    assert 0 < 5 * many < few


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: synthesis.discriminator_loss(jnp.zeros(2), jnp.zeros(3)),
            "`real` and `made` must have one shape; got (2,) and (3,).",
        ),
        (
            lambda: synthesis.generator_loss(jnp.zeros((2, 1))),
            "`made` must be floats (n,), a logit for each image; got float32 (2, 1).",
        ),
        (lambda: synthesis.loss("gaussian"), "`likelihood` must be one of 'bernoulli', 'normal'"),
        (
            lambda: synthesis.loss(deviation=0),
            "`deviation` must be a finite number above 0; got 0.",
        ),
        (lambda: synthesis.loss(weight=-1), "`weight` must be"),
        (
            lambda: synthesis.loss()({"logits": jnp.zeros((1, 2))}, {"image": jnp.zeros((1, 3))}),
            "`logits` and `image` must be (n, height, width, channels) both; got (1, 2) and (1, 3)",
        ),
        (
            lambda: synthesis.divergence(jnp.zeros((1, 2)), jnp.zeros((1, 3))),
            "`mean` and `log_variance` must be (n, latent) both; got (1, 2) and (1, 3).",
        ),
        (
            lambda: synthesis.slerp(jnp.zeros(2), jnp.zeros(3), jnp.zeros(1)),
            "`start` and `end` must be (latent,) both, and `shares` (n,); got (2,), (3,) and (1,).",
        ),
        (lambda: synthesis.moments(0), "`features` must be a positive int; got 0."),
        (lambda: collected(np.zeros((1, 3))), "A covariance needs at least 2 features; there were"),
        (
            lambda: synthesis.moments(2).add({}, jnp.zeros((4, 3)), {}),
            "Features must be (n, 2); got shape (4, 3).",
        ),
        (
            lambda: synthesis.frechet_distance(gaussian(2), gaussian(2, features=3)),
            "`one` and `other` must have as many features; got 12 and 3.",
        ),
        (
            lambda: synthesis.frechet_distance(
                gaussian(2), gaussian(2)._replace(mean=np.full(12, np.nan))
            ),
            "`other` must be finite; a feature is NaN or infinite.",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_the_bound_is_computed_in_float32(likelihood):
    keys = jax.random.split(jax.random.key(0), 4)
    half = jnp.bfloat16
    image = jax.random.uniform(keys[0], (2, 8, 8, 1))
    outputs = {
        "logits": jax.random.normal(keys[1], (2, 8, 8, 1), half),
        "mean": jax.random.normal(keys[2], (2, 5), half),
        "log_variance": jax.random.normal(keys[3], (2, 5), half),
    }
    bound = synthesis.loss(likelihood=likelihood)
    found, parts = bound(outputs, {"image": image})
    single = {name: value.astype(jnp.float32) for name, value in outputs.items()}
    assert found.dtype == parts["divergence"].dtype == jnp.float32
    np.testing.assert_array_equal(found, bound(single, {"image": image})[0])

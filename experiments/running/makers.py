"""Networks that make garments, and what training needs of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import synthesis

SIDE = 28  # of an image
PARTS = "generator", "discriminator"


class Maker(NamedTuple):
    """A network that makes images, as training needs it."""

    state: training.TrainState
    step: Any
    images: Any
    """`(state, latents) -> images in [0, 1]`."""
    bounds: Any = None
    """Of an autoencoder: `(state, stored images) -> latents, images and loss` by name, all with the
    mean for the draw."""


def adversarial(config: Any, steps: int) -> Maker:
    """Two networks with an optimizer each; one forward pass gives the gradients of both."""
    channels = 4 if config.smoke else config.channels
    sizes = {"size": SIDE, "in_channels": 1, "channels": channels, "latent": config.latent}
    model = models.dcgan(**sizes, window=4, rngs=nnx.Rngs(config.seed))
    adam = optax.adam(optax.cosine_onecycle_schedule(steps, config.learning_rate), b1=0.5)
    optimizer = optax.multi_transform(dict.fromkeys(PARTS, adam), {p: p for p in PARTS})

    def judged(model, batch):
        made = model.generator(batch["latents"])
        return model.discriminator(batch["image"]), model.discriminator(made)

    state, apply = training.init(model, optimizer, forward=judged)
    _, make = training.init(
        model, optimizer, forward=lambda model, batch: model.generator(batch["latents"])
    )

    def step(state, batch, key):
        latent_key, model_key = jax.random.split(key)
        real = batch["image"].astype(jnp.float32) / 127.5 - 1
        latents = jax.random.normal(latent_key, (len(real), config.latent))

        def losses(params):
            inputs = {"image": real, "latents": latents}
            (real_logits, made_logits), stats = apply(params, state.stats, inputs, model_key)
            judged = synthesis.discriminator_loss(real_logits, made_logits).mean()
            return (judged, synthesis.generator_loss(made_logits).mean()), stats

        (judged, made), pull, stats = jax.vjp(losses, state.params, has_aux=True)
        one, none = jnp.ones_like(judged), jnp.zeros_like(judged)
        # Each network lowers its own loss. What the other half of a gradient needs is not computed.
        grads = {
            "generator": pull((none, one))[0]["generator"],
            "discriminator": pull((one, none))[0]["discriminator"],
        }
        with jax.numpy_dtype_promotion("standard"):  # optax's Adam mixes dtypes
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        after = training.TrainState(state.step + 1, params, stats, opt_state)
        return after, {"loss": judged, "generator_loss": made}

    def images(state, latents):
        return make(state.params, state.stats, {"latents": latents})[0] / 2 + 0.5

    return Maker(state, step, images)


def variational(config: Any, steps: int) -> Maker:
    """An autoencoder that raises the evidence lower bound."""
    sizes = {"channels": 4, "hidden": 16} if config.smoke else {"channels": config.channels}
    model = models.vae(size=SIDE, latent=config.latent, **sizes, rngs=nnx.Rngs(config.seed))
    optimizer = optax.adam(optax.cosine_onecycle_schedule(steps, config.learning_rate))
    loss = synthesis.loss()

    def forward(model, batch):
        return model.feature_maps(batch["image"], batch.get("noise"))

    def prepare(batch, key):
        image = batch["image"].astype(jnp.float32) / 255
        if key is None:
            return {"image": image}
        return {"image": image, "noise": jax.random.normal(key, (len(image), config.latent))}

    state, apply = training.init(model, optimizer, forward=forward)
    _, decode = training.init(
        model, optimizer, forward=lambda model, batch: model.decode(batch["latents"])
    )
    step = training.make_step(apply, optimizer, loss, prepare=prepare)

    def images(state, latents):
        return jax.nn.sigmoid(decode(state.params, state.stats, {"latents": latents})[0])

    def bounds(state, images):
        batch = prepare({"image": images}, None)
        outputs, _ = apply(state.params, state.stats, batch)
        losses, _ = loss(outputs, batch)
        made = jax.nn.sigmoid(outputs["logits"])
        return {"latents": outputs["latents"], "images": made, "loss": losses}

    return Maker(state, step, images, bounds)


MAKERS = {"dcgan": adversarial, "vae": variational}

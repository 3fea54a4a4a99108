"""HomographyNet says how a camera moved between two views of a plane.

    python -m experiments.camera_pose                  40 epochs of 6,400 pairs, 2 CPU cores
    python -m experiments.camera_pose --shrink 2       views of 64 x 64 instead of 32 x 32
    python -m experiments.camera_pose --smoke          does everything work? half a minute

Each step cuts new pairs out of nine photographs on the device; held-out pairs are of four others.
The network sees views of 128 x 128 shrunk, and is applied several times: the first view is warped
by each estimate, and the next pass finds the rest. For that, half of the pairs in training are
warped by a guess near the truth first. Beside it, on the same pairs and by the same metric, the
mean distance of the corners: ORB with RANSAC at full resolution, tuned on training pairs, and the
error of saying that nothing moved. Pairs come clean, and with blur, noise and another light; and
real, of a wall with graffiti that two cameras saw, where Debian's package opencv-doc is installed.

Writes into runs/camera_pose/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, estimates.png (held-out pairs, the best above, the worst below),
graffiti.png (real ones), warped.png (both views over each other), checkpoints/. The same command
runs on a GPU or a TPU.

2 CPU cores: 15 minutes. Draws estimates.png.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import data, models, training
from cnn_jax import functional as F
from cnn_jax.tasks import homography
from experiments.baselines import keypoints
from experiments.data import debian_packages, graffiti, making, photographs
from experiments.drawing import plots, quadrilaterals
from experiments.running import command
from experiments.running.options import Training, require
from experiments.running.run import Result, Run

SIZE, REACH = 128, 32.0  # of a view, and how far a corner moves: as published
SHORT = 240  # pixels of a photograph's shorter side, as published
EPOCH = 6_400  # pairs between two looks at the held-out ones
HELD_OUT, TUNED_ON = 128, 32  # pairs, rough ones and as many clean ones
REAL = 64  # pairs of real views
NOISE, BLUR, LIGHT = 15.0, 1.5, 0.2  # of held-out pairs that are not clean
CHANNELS, HIDDEN = (16, 64, 64), 256


@dataclass(frozen=True)
class Config(Training):
    """Train a small HomographyNet on pairs of views of photographs."""

    shrink: int = 4
    """How many times smaller the network sees a view."""
    passes: int = 3
    """How often the network is applied to a held-out pair."""
    batch_size: int = 32
    learning_rate: float = 2e-3

    def __post_init__(self):
        super().__post_init__()
        require("--shrink", self.shrink in (1, 2, 4, 8), "1, 2, 4 or 8", self.shrink)
        require("--passes", 1 <= self.passes <= 100, "in [1, 100]", self.passes)


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("camera_pose", config) as run:
        config = run.config
        make, truth, tune_on = pairs(config)
        epochs, unit = config.epochs_of(40), REACH / config.shrink
        numbers = making.numbers(64 if config.smoke else EPOCH)
        seen = {name: truth[name] for name in ("first", "second")}
        batches, held_out = run.batches(numbers, seen)
        prepare = preparing(make, config.shrink)
        model = network(config)
        schedule = optax.cosine_onecycle_schedule(
            max(epochs * batches.steps, 1), config.learning_rate
        )
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
        state, apply = training.init(model, optimizer)
        loss = homography.loss(unit=REACH, error="distance")
        step = training.make_step(apply, optimizer, loss, prepare=prepare)

        def refined(params, stats, batch):
            def predict(images):
                return homography.decode(apply(params, stats, {"image": images})[0], unit=unit)

            offsets = homography.refine(predict, batch["image"], passes=config.passes)
            return config.shrink * offsets, stats

        predict = training.make_predict(refined, held_out, prepare=prepare)

        def evaluate(state):
            return judge(predict(state)[:, -1], truth["corners"])

        state = run.train(state, step, batches, epochs, evaluate)
        offsets = predict(state)
        parameters = tuned(tune_on, config.smoke)
        orb, failed = by_keypoints(truth, parameters)
        draw(run, truth, offsets[:, -1], orb)
        first_pass = judge(offsets[:, 0], truth["corners"])
        metrics = judge(offsets[:, -1], truth["corners"])
        metrics |= {f"{name}_of_1_pass": value for name, value in first_pass.items()}
        nothing = judge(np.zeros_like(orb), truth["corners"])
        baseline = {**judge(orb, truth["corners"]), **failed}
        baseline |= {f"{name}_of_identity": value for name, value in nothing.items()}
        real = graffiti.graffiti(8 if config.smoke else REAL, size=SIZE, reach=REACH, short=SHORT)
        if real is None:
            run.console.print(debian_packages.OPENCV.absent("two views of a wall with graffiti"))
        else:
            views = training.batches({name: real[name] for name in seen}, len(real["first"]))
            of_real = training.make_predict(refined, views, prepare=prepare)(state)[:, -1]
            by_orb = [keypoints.estimates(real, own, 2 * REACH)[0] for own in parameters]
            better = min(by_orb, key=lambda said: keypoints.errors(said, real["corners"]).mean())
            for values, said in ((metrics, of_real), (baseline, better)):
                values["corner_error_graffiti"] = keypoints.errors(said, real["corners"]).mean()
            quadrilaterals.estimates(run.workdir / "graffiti.png", real, of_real, better)
        return run.finish("corner_error", metrics, baseline, higher_is_better=False)


def pairs(config: Config) -> tuple[making.Make, dict[str, np.ndarray], list[Any]]:
    """What makes training pairs, shrunk; held-out pairs, half clean; and some to tune ORB on."""
    by = config.shrink
    few, to_tune = (8, 1) if config.smoke else (HELD_OUT, TUNED_ON)
    arrays = [a for short in (SHORT, 320, 480) for a in gray("train", short, by)]
    arrays += [a.swapaxes(0, 1) for a in arrays]  # mirrored on the diagonal
    most = {"noise": (0, 1.3 * NOISE / by), "blur": (0, 1.3 * BLUR / by), "light": LIGHT}
    make = data.views.views(arrays, size=SIZE // by, reach=REACH / by, **most)
    rough = {"noise": NOISE, "blur": BLUR, "light": LIGHT}
    held_out, tune_on = [], []
    for options in (rough, {}):
        for split, key, count, to in (("test", 1, few, held_out), ("train", 2, to_tune, tune_on)):
            drawn = data.views.views(gray(split, SHORT), size=SIZE, reach=REACH, **options)
            made = making.drawn(drawn, jax.random.key(key), max(count, making.AT_ONCE))
            to.append({name: array[:count] for name, array in made.items()})
    return make, jax.tree.map(lambda *both: np.concatenate(both), *held_out), tune_on


def gray(split: str, short: int, by: int = 1) -> list[np.ndarray]:
    """Photographs whose shorter side has so many pixels, if not fewer; then so many times fewer."""
    found = data.photos.load(split, channels=1).values()
    large = [photograph for photograph in found if min(photograph.shape[:2]) >= short]
    return [photographs.resized(p, short / by / min(p.shape[:2])) for p in large]


def preparing(make: making.Make, shrink: int) -> Any:
    """From numbers, or stored pairs, to what the network takes: both views in [-1/2, 1/2]."""

    def stacked(first, second):
        return jnp.concatenate([first, second], -1)

    def prepare(batch, key):
        if key is None:
            both = stacked(batch["first"], batch["second"]).astype(jnp.float32)
            return {"image": F.avg_pool(both, (shrink, shrink), stride=shrink) / 255 - 0.5}
        pair_key, guess_key = jax.random.split(key)
        made = making.new(make, batch, pair_key)
        first, second = (made[n].astype(jnp.float32) / 255 - 0.5 for n in ("first", "second"))
        guess = guesses(guess_key, made["corners"], REACH / shrink)
        size = SIZE // shrink
        first = homography.warp(first, homography.from_corners(guess, size))
        rest = homography.remaining(made["corners"], guess, size)
        return {"image": stacked(first, second), "corners": shrink * rest}

    return prepare


def guesses(key: jax.Array, corners: jax.Array, reach: float) -> jax.Array:
    """A guess for each pair: none, or as good as a first pass, so that the network learns both.

    Between the truth and other corners that are drawn alike, so that it is convex like these.
    """
    drawn = jax.random.uniform(key, (len(corners), 10))
    other = reach * (2 * drawn[:, :8].reshape(-1, 4, 2) - 1)
    wrong = 0.4 * drawn[:, 8, None, None]
    return jnp.where(drawn[:, 9, None, None] < 0.5, 0, corners + wrong * (other - corners))


def network(config: Config) -> models.HomographyNet:
    """Make the network, small enough for 2 cores."""
    size = SIZE // config.shrink
    channels, hidden = ((4, 8, 8), 32) if config.smoke else (CHANNELS, HIDDEN)
    reach = 2 if config.smoke else int(REACH / config.shrink / 2)  # in cells of two pixels
    options = {"channels": channels, "hidden": hidden, "reach": reach, "dropout": 0.0}
    return models.homography(size=size, **options, rngs=nnx.Rngs(config.seed))


def judge(offsets: np.ndarray, corners: np.ndarray) -> dict[str, float]:
    """The mean corner error in pixels, of the pairs that are rough, the first half, and clean."""
    errors = keypoints.errors(offsets, corners)
    rough, clean = np.split(errors, 2)
    found = {}
    for name, part in (("corner_error", rough), ("corner_error_clean", clean)):
        found |= {name: float(part.mean()), f"{name}_median": float(np.median(part))}
    return found


def tuned(tune_on: list[Any], smoke: bool) -> list[keypoints.Parameters]:
    """Parameters of ORB and RANSAC for rough pairs, and for clean ones."""
    start = keypoints.Parameters(enlarge=1, trials=10) if smoke else keypoints.Parameters()
    return [keypoints.tuned(own, start, 2 * REACH) for own in tune_on]


def by_keypoints(
    truth: Any, parameters: list[keypoints.Parameters]
) -> tuple[np.ndarray, dict[str, float]]:
    """What ORB and RANSAC say of pairs, half rough and half clean; and which share fails."""
    half, found, failed = len(truth["corners"]) // 2, [], {}
    for name, part, own in zip(("rough", "clean"), (slice(half), slice(half, None)), parameters):
        pairs = {n: v[part] for n, v in truth.items()}
        offsets, none = keypoints.estimates(pairs, own, 2 * REACH)
        found.append(offsets)
        failed[f"share_failed_{name}"] = none.mean()
    return np.concatenate(found), failed


def draw(run: Run, truth: Any, offsets: np.ndarray, orb: np.ndarray) -> None:
    """Draw the curves, and the rough pairs."""
    if run.records:
        units = {"corner_error": " (pixels)", "corner_error_clean": " (pixels)"}
        plots.curves(run.workdir / "curves.png", run.records, units)
    half = len(offsets) // 2
    rough = {name: value[:half] for name, value in truth.items()}
    quadrilaterals.estimates(run.workdir / "estimates.png", rough, offsets[:half], orb[:half])
    quadrilaterals.warped(run.workdir / "warped.png", rough, offsets[:half])


if __name__ == "__main__":
    command.run(main, Config, __doc__)

"""SiamFC follows a garment through a video, of which it knows the first frame's box.

    python -m experiments.track                  10 epochs of 2,048 pairs of frames, 2 CPU cores
    python -m experiments.track --smoke          does everything work?
    python -m experiments.track --epochs 0 --weights runs/track/.../weights.safetensors \\
        --video cat.gif --box 20 30 80 90        follow something in a video of your own

It is trained on pairs of frames: the object in one, with some context, is to be found in a larger
part of the other. Each step makes new videos on the device, of Fashion-MNIST's training images over
photographs. Held-out videos have other garments and photographs; others pass over the object, half
of them look like it: garments of its class, or the same one in another color.

The baseline is normalized cross-correlation with the object in the first frame. Both go through the
same tracker, with the share of the cosine window and the number of scales (one or three) chosen for
each by its success on videos of training images.

A real video is followed too, where Debian's package visp-images-data is installed: a cube that is
pushed over a table. No frame but the first says where it is, so there is a film and no figure.

Writes into runs/track/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png (with the success plot), tracks.gif (held-out videos with boxes),
tracks.png (the best and the worst), checkpoints/; with --video followed.gif; of the cube cube.gif.

2 CPU cores: 2 minutes. Draws tracks.gif.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from PIL import Image

from cnn_jax import data, models, training
from cnn_jax.tasks import tracking
from experiments.baselines import correlation
from experiments.data import debian_packages, making, real_videos, video_files
from experiments.drawing import tracked
from experiments.running import command, following
from experiments.running.options import Training, require, said_of
from experiments.running.run import Result, Run

EPOCH = 2048  # pairs between two looks at the held-out ones
HELD_OUT, TUNING = 256, 64  # videos
RADIUS = 6.0  # pixels of the search image, in which the object is about 16 wide
OBJECT = 24  # pixels, of a user's object at most: an exemplar of 32 shows it in 16
LEAVE = ("boxes_visible", "masks", "centers", "direction", "speed", "classes")
VIDEOS = {"objects": (2, 3), "scale": (0.5, 0.9)}
PAIRS = {**VIDEOS, "frames": 2, "speed": (0.0, 10.0)}  # as if frames were left out between them


@dataclass(frozen=True)
class Config(Training):
    """Train SiamFC on pairs of frames."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    size: int = 64
    """Height and width of a frame."""
    frames: int = 16
    """Of a held-out video."""
    learning_rate: float = 3e-3
    weights: Path | None = None
    """Begin with the weights in this file, of an earlier run."""
    video: Path | None = None
    """A video or animated picture to follow something in, in the end."""
    box: tuple[float, float, float, float] | None = None
    """Where that is in the first frame: top, left, bottom, right, in pixels."""

    def __post_init__(self):
        super().__post_init__()
        require("--size", 48 <= self.size <= 256, "in [48, 256]", self.size)
        require("--frames", 2 <= self.frames <= 256, "in [2, 256]", self.frames)
        both = (self.video is None) == (self.box is None)
        require("--box", both, "given with `--video`, and only then", self.box)
        top, left, bottom, right = self.box or (0, 0, 1, 1)
        require("--box", top < bottom and left < right, "top, left, bottom, right", self.box)


def look(videos: Any) -> jax.Array:
    """What the trackers see of images: uint8 as floats in [-2, 2]."""
    return jnp.asarray(videos, jnp.float32) / 64 - 2


def pairs(truth: Any, variant: Any) -> dict[str, jax.Array]:
    """The first object of two frames: an exemplar from one, and where to search in the other."""
    frames, boxes, visible = (truth[name] for name in ("video", "boxes", "visible"))
    (center, side), (there, around) = (tracking.context(boxes[:, t, 0]) for t in (0, 1))
    wider = around * (variant.search / variant.exemplar)
    return {
        "exemplar": tracking.crop(look(frames[:, 0]), center, side, variant.exemplar),
        "search": tracking.crop(look(frames[:, 1]), there, wider, variant.search),
        "counts": (visible[:, 0, 0] > 0.7) & (visible[:, 1, 0] > 0.3),
    }


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("track", config) as run:
        config = run.config
        film = None if config.video is None else video_files.read(config.video)
        options = {**PAIRS, "size": config.size}
        make, make_held_out, _ = making.scenes(config.dataset, data.scenes.videos, **options)
        few = 32 if config.smoke else 256
        held_out = making.drawn(make_held_out, jax.random.key(1), few, LEAVE)

        model = models.siamfc_small(rngs=nnx.Rngs(config.seed))
        if config.weights is not None:
            with said_of(file="--weights"):
                models.load_weights(model, config.weights)

        def prepare(batch, key):
            truth = batch if key is None else making.new(make, batch, key)
            return pairs(truth, model.variant)

        epochs, loss = config.epochs_of(10), tracking.loss(stride=4, radius=RADIUS)
        numbers = making.numbers(64 if config.smoke else EPOCH)
        batches, tested = run.batches(numbers, held_out)
        steps = max(epochs * batches.steps, 1)
        optimizer = optax.adamw(optax.cosine_onecycle_schedule(steps, config.learning_rate))
        state, apply = training.init(
            model, optimizer, forward=lambda m, b: m.response(b["exemplar"], b["search"])
        )
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        evaluate = training.make_evaluate(apply, loss, tested, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate)

        follow = followers(training.trained(model, state))
        tuning, truth = videos(config)
        settings = following.SETTINGS[-1:] if config.smoke else following.SETTINGS
        setting = {name: following.tuned(follow[name], tuning, settings) for name in follow}
        video, boxes = truth["video"], truth["boxes"][:, 0]
        found = {name: follow[name](video, boxes, **setting[name]) for name in follow}
        if run.records:
            tracked.curves(run.workdir / "curves.png", run.records, found, truth)
        tracked.pictures(run.workdir, found, truth)
        films = {} if film is None else {"followed.gif": (film, config.box)}
        if cube := real_videos.cube(20 if config.smoke else 2):
            films["cube.gif"] = cube["frames"], cube["box"]
        else:
            run.console.print(debian_packages.VISP.absent("a video of a cube"))
        for name, (frames, box) in films.items():
            seen = {who: watch(frames, box, follow[who], setting[who]) for who in follow}
            tracked.film(run.workdir / name, frames, seen)
        values = {
            name: {**following.figures(found[name], truth), **setting[name]} for name in follow
        }
        return run.finish("success", values["SiamFC"], values["correlation"])


def videos(config: Config) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Videos to choose the settings of trackers by, of training images, and held-out ones."""
    options = {**VIDEOS, "size": config.size, "frames": config.frames}
    make, make_held_out, _ = making.scenes(config.dataset, data.scenes.videos, **options)
    some, few = (32, 32) if config.smoke else (TUNING, HELD_OUT)
    tuning = making.drawn(make, jax.random.key(2), some, LEAVE)
    truth = making.drawn(make_held_out, jax.random.key(3), few, LEAVE)
    return following.first_object(tuning), following.first_object(truth)


def followers(model: models.SiamFC) -> dict[str, following.Follow]:
    """Both trackers, the network's and the baseline's."""
    sizes = {"exemplar": model.variant.exemplar, "search": model.variant.search, "stride": 4}
    plain = {"exemplar": correlation.EXEMPLAR, "search": correlation.SEARCH}
    plain |= {"stride": correlation.STRIDE, "amount": correlation.AMOUNT, "upsample": 1}

    def respond(kept, searches):
        shape = (*searches.shape[:2], *kept.shape[1:])
        return model.compare(jnp.broadcast_to(kept[:, None], shape), model(searches))

    return {
        "SiamFC": following.follower(model, respond, look, **sizes),
        "correlation": following.follower(correlation.embed, correlation.respond, look, **plain),
    }


def watch(film: np.ndarray, box: Any, follow: following.Follow, setting: Any) -> np.ndarray:
    """Follow what is in a box of a film's first frame: boxes (t, 4).

    Where the object is much larger than an exemplar shows it, the film is made smaller first.
    """
    height, width = film.shape[1:3]
    shrink = min(1.0, OBJECT / max(box[2] - box[0], box[3] - box[1]))
    size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
    small = np.stack([np.asarray(Image.fromarray(f).resize(size)) for f in film])
    factor = np.array([size[1] / height, size[0] / width] * 2, np.float32)
    first = np.asarray(box, np.float32) * factor
    return follow(small[None], first[None], **setting)[0] / factor


if __name__ == "__main__":
    command.run(main, Config, __doc__)

"""A network by name, as it fits a set: what a run keeps of it, and what makes it again."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from cnn_jax import arguments, models, nn
from cnn_jax.analysis.__main__ import known, options_of
from cnn_jax.data import augment
from experiments.running.options import RunError, said_of

OURS = ("rngs", "num_classes", "in_channels", "input_size", "dtype")  # which options do not give


@dataclass(frozen=True)
class Network:
    """A network, the images that it takes, and the classes that it tells apart.

    Args:
        model: a constructor's name in `cnn_jax.models`.
        options: of that constructor.
        whiten: the side of the patches that a first layer whitens; 0 for no such layer.
        shape: height, width and channels of the images that it sees.
        stored: those of the images of the set; if larger, their center is what it sees.
        mean: of each channel, of training images in [0, 1].
        std: likewise.
        classes: their names.
        dataset: that it is trained on.

    Example:
        >>> shape = (28, 28, 1)
        >>> network = Network("lenet", {}, 0, shape, shape, (0.3,), (0.4,), ("a", "b"), "letters")
        >>> network.prepare()({"image": jnp.ones((2, 28, 28, 1))}, None)["image"].shape
        (2, 28, 28, 1)
        >>> Network.of(json.loads(json.dumps(network.facts()))) == network
        True
    """

    model: str
    options: Mapping[str, Any]
    whiten: int
    shape: tuple[int, ...]
    stored: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    dataset: str

    def facts(self) -> dict[str, Any]:
        """The fields, for a JSON file."""
        return dataclasses.asdict(self)

    @staticmethod
    def of(facts: Mapping[str, Any]) -> "Network":
        """Make one again from `facts`."""
        return Network(**{n: tuple(v) if isinstance(v, list) else v for n, v in facts.items()})

    def make(self, seed: int = 0, images: Any = None) -> nnx.Module:
        """Make the network.

        Args:
            seed: of its parameters.
            images: uint8 training images, whose patches the first layer whitens; without them it
                holds zeros, and weights must be loaded.

        Raises:
            RunError: the options are wrong, or it cannot take the images.
        """
        shape, make = self.shape, constructor(self.model)
        filters = 2 * self.whiten**2 * shape[-1]
        given = dict(self.options, num_classes=len(self.classes))
        given |= {"in_channels": filters if self.whiten else shape[-1]}
        taken = options_of(make)
        if "input_size" in taken:
            one = taken["input_size"].annotation in (int, "int")
            given["input_size"] = shape[0] if one else shape[:2]
        given = {name: value for name, value in given.items() if name in taken}

        def made(normalized):
            with said_of(**{"--model-options": "--model-options"}):
                network = make(**given, rngs=nnx.Rngs(seed))
            if not self.whiten:
                return network
            return Whitened(network, shape[-1], self.whiten, normalized)

        self._try(made)
        return made(self._normalized(images))

    def prepare(self, augmentation: augment.Augmentation | None = None) -> Callable[..., Any]:
        """From stored uint8 examples to what the network takes, as `training` wants it.

        Args:
            augmentation: what happens in training before the images are normalized.
        """
        center = augment.center_crop(self.shape[:2]) if self.stored != self.shape else None
        normalize = augment.normalize(self.mean, self.std)
        return augment.prepare(augmentation, evaluation=center, then=normalize)

    def _try(self, made: Callable[[Any], nnx.Module]) -> None:
        """Compute the shapes alone, and refuse what is none of a classifier of images."""
        image = jax.ShapeDtypeStruct((2, *self.shape), jnp.float32)

        def logits(x):
            model: Any = made(None)
            model.eval()
            return model(x)

        size = "x".join(map(str, self.shape))
        try:
            outputs = jax.eval_shape(logits, image)
        except RunError:
            raise
        except (ValueError, TypeError) as error:
            raise RunError(
                f"`--model` {self.model} cannot take images of {size}: {error}"
            ) from None
        if getattr(outputs, "shape", None) != (2, len(self.classes)):
            raise RunError(f"`--model` {self.model} is no classifier of images of {size}.")

    def _normalized(self, images: Any) -> Any:
        if images is None or not self.whiten:
            return None
        return self.prepare()({"image": jnp.asarray(images)}, None)["image"]


class Whitened(nnx.Module):
    """A network after a layer that whitens patches of its images; it is not to be trained.

    The layer is as in Jordan 2024, arXiv:2404.00498, section 3.2, but without a bias, and padded.

    Args:
        network: for `2 * window**2 * channels` channels.
        channels: of the images.
        window: the side of the patches.
        images: normalized, that the layer is computed from; None makes zeros.
    """

    def __init__(self, network: nnx.Module, channels: int, window: int, images: Any):
        zeros = jax.nn.initializers.zeros
        self.whiten = nn.Conv(
            channels,
            2 * window**2 * channels,
            (window, window),
            padding="SAME",
            use_bias=False,
            kernel_init=zeros if images is None else nn.whitening(images),
            rngs=nnx.Rngs(0),
        )
        self.network = network

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        network: Any = self.network
        return network(jax.nn.gelu(self.whiten(images)))


def constructor(name: str) -> Callable[..., nnx.Module]:
    """The constructor of this name.

    Example:
        >>> constructor("rsnet50")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        experiments.running.options.RunError: `--model` must be one of ... names; got 'rsnet50'. ...
    """
    constructors = known()
    with said_of(model="--model"):
        arguments.one_of("model", name, constructors)
    return constructors[name]


def options(text: str, model: str) -> dict[str, Any]:
    """Parse the options of a model.

    Args:
        text: a JSON object, such as `{"dropout": 0.1}`.
        model: its name.

    Example:
        >>> options('{"dropout": 0.1}', "lenet")
        {'dropout': 0.1}
    """
    rule = "`--model-options` must be a JSON object, such as '{\"dropout\": 0.1}'"
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RunError(f"{rule}; got {text!r} ({error}).") from None
    if not isinstance(found, dict):
        raise RunError(f"{rule}; got {text!r}.")
    may = [name for name in options_of(constructor(model)) if name not in OURS]
    for name in found:
        if name not in may:
            hint = arguments.did_you_mean(name, may)
            raise RunError(
                f"`--model-options` of {model} are {', '.join(may) or 'none'}; got {name!r}.{hint}"
            )
    return found


def load_weights(model: nnx.Module, file: Path, skip: tuple[str, ...] = ()) -> None:
    """Load weights, in our names, torchvision's or timm's, of a file or a run's folder.

    Raises:
        RunError: the file does not fit.
        OSError: it cannot be read.
    """
    file = Path(file).expanduser()
    with said_of(file="--weights", skip="--weights-skip"):
        models.load_weights(
            model, file / "weights.safetensors" if file.is_dir() else file, skip=skip
        )

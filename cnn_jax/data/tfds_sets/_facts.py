"""The facts about a set that TFDS has prepared, out of its builder's."""

from collections.abc import Iterator
from typing import Any

from .._info import Info


def facts_of(name: str, found: Any) -> Info:
    """Tell the facts about a prepared set.

    Args:
        name: as `load` knows it.
        found: the ``info`` of its builder, a ``tfds.core.DatasetInfo``.

    Returns:
        The splits with "train" first; ``image``'s shape; as labels, masks and boxes the features
        of TFDS's kinds, by their names, those inside of others as ``objects/label``.

    Example:
        >>> import tempfile
        >>> from cnn_jax.data import preparing
        >>> from cnn_jax.data.sets import SETS
        >>> builder = preparing.builder_of(SETS["kmnist"])(data_dir=tempfile.mkdtemp())
        >>> facts_of("kmnist", builder.info).classes[:3]
        ('o', 'ki', 'su')
    """
    import tensorflow_datasets as tfds

    features = dict(_features("", found.features))
    labels = {
        name: tuple(feature.names)
        for name, feature in features.items()
        if isinstance(feature, tfds.features.ClassLabel) and feature.num_classes
    }
    image = features.get("image")
    return Info(
        name=name,
        title=found.name,
        description=_first_line(found.description),
        counts={split: found.splits[split].num_examples for split in _ordered(found.splits)},
        shape=tuple(image.shape) if image is not None else (),
        labels={name: labels[name] for name in sorted(labels, key=lambda name: name != "label")},
        license=_first_line(found.redistribution_info.license) or "none stated",
        homepage=found.homepage or "",
        citation=(found.citation or "").strip(),
        masks=tuple(
            name
            for name, feature in features.items()
            if isinstance(feature, tfds.features.Image)
            and name != "image"
            and "/" not in name
            and tuple(feature.shape)[-1:] == (1,)  # pyright: ignore[reportArgumentType]
        ),
        boxes=tuple(
            name
            for name, feature in features.items()
            if isinstance(feature, tfds.features.BBoxFeature)
        ),
    )


def _features(name: str, feature: Any) -> Iterator[tuple[str, Any]]:
    """All features with their names, those inside of dicts and sequences as ``outer/inner``."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.Sequence | tfds.features.Dataset):
        yield from _features(name, feature.feature)
    elif isinstance(feature, tfds.features.FeaturesDict):
        for inner in feature:
            yield from _features(f"{name}/{inner}" if name else inner, feature[inner])
    else:
        yield name, feature


def _ordered(splits: Any) -> list[str]:
    return sorted(splits, key=lambda name: (name != "train", name))


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0].strip() if lines else ""

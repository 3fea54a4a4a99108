"""`targets`: what the network should say about given boxes."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from cnn_jax import arguments
from cnn_jax.arguments import shown


def targets(
    batch: Mapping[str, jax.Array], *, grid: tuple[int, int], classes: int, stride: int = 4
) -> dict[str, jax.Array]:
    """Return the heatmaps, sizes and offsets of the boxes of a batch.

    An object of class `c` with its center in the cell `p` puts a bump on the heatmap of `c`::

        Y[q, c] = max over the objects of class c of exp(-|q - p|^2 / (2 sigma^2))

    which is 1 at `p`, with `sigma = (2 r + 1) / 6`, and 0 where `q` is more than `r` cells from `p`
    on an axis. `r` is `radius` of the box, rounded down.

    Args:
        batch: `boxes`, `boxes_valid`, `classes`.
        grid: rows and columns of cells.
        classes: how many heatmaps.
        stride: pixels of a cell on each axis.

    Returns:
        ::

            heatmap   (n, *grid, classes) float32 in [0, 1]
            cell      (n, m) int32: row * columns + column of the center; 0 for what does not count
            size      (n, m, 2) float32: height and width in cells
            offset    (n, m, 2) float32 in [0, 1): from the cell's corner to the center, in cells
            counts    (n, m) bool: which of the boxes count

    Raises:
        TypeError, ValueError: an argument is wrong, or the batch is.

    Example:
        >>> batch = {"boxes": jnp.array([[[0.0, 0, 12, 8]]]), "boxes_valid": jnp.ones((1, 1), bool)}
        >>> batch["classes"] = jnp.zeros((1, 1), jnp.int32)
        >>> found = targets(batch, grid=(4, 4), classes=1)
        >>> found["heatmap"][0, :, :, 0].argmax().item(), found["cell"].tolist()
        (5, [[5]])
        >>> found["size"].tolist(), found["offset"].tolist()
        ([[[3.0, 2.0]]], [[[0.5, 0.0]]])
    """
    boxes, valid, labels = checked(batch)
    rows, columns = arguments.per_axis("grid", grid, 2, "the picture")
    arguments.integer("classes", classes, at_least=1)
    arguments.integer("stride", stride, at_least=1)
    boxes = boxes / stride
    low, high = boxes[..., :2], boxes[..., 2:]
    center, size = (low + high) / 2, high - low
    place = jnp.floor(center)
    row, column = place[..., 0], place[..., 1]
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    right = (labels >= 0) & (labels < classes)
    counts = valid & inside & right & (size > 0).all(-1) & jnp.isfinite(size).all(-1)

    place = jnp.where(counts[..., None], place, 0)
    size = jnp.where(counts[..., None], size, 1)
    reach = jnp.floor(radius(size))[..., None, None]
    sigma = (2 * reach + 1) / 6
    down = jnp.arange(rows, dtype=center.dtype)[None, None, :, None] - place[..., :1, None]
    across = jnp.arange(columns, dtype=center.dtype)[None, None, None] - place[..., 1:, None]
    bump = jnp.exp(-(down**2 + across**2) / (2 * sigma**2))
    near = (jnp.abs(down) <= reach) & (jnp.abs(across) <= reach) & counts[..., None, None]
    bump = jnp.where(near, bump, 0)
    kinds = jnp.clip(labels, 0, classes - 1).astype(jnp.int32)

    def heatmaps(bumps, kinds):
        return jnp.zeros((classes, rows, columns), bumps.dtype).at[kinds].max(bumps)

    cell = (place[..., 0] * columns + place[..., 1]).astype(jnp.int32)
    return {
        "heatmap": jnp.moveaxis(jax.vmap(heatmaps)(bump, kinds), 1, -1),
        "cell": cell,
        "size": jnp.where(counts[..., None], size, 0),
        "offset": jnp.where(counts[..., None], center - place, 0),
        "counts": counts,
    }


def radius(size: jax.Array, overlap: float = 0.7) -> jax.Array:
    """How far both corners of a box may move so that it still overlaps with itself enough.

    The largest `r` so that the intersection of the two boxes is at least `overlap` of their union
    if the corners move by up to `r` on each axis: both in one direction, both inward, or both
    outward (Law and Deng 2018, *CornerNet*, arXiv:1808.01244, section 3.2; their code, and
    CenterNet's, solves two of the three equations wrongly).

    Args:
        size: (..., 2): height and width.
        overlap: in `(0, 1)`.

    Returns:
        (...,), in the unit of `size`.

    Example:
        >>> round(float(radius(jnp.array([10.0, 10.0]))), 3)
        0.817
    """
    total, area, o = size.sum(-1), size.prod(-1), overlap
    along = (total - jnp.sqrt(total**2 - 4 * area * (1 - o) / (1 + o))) / 2
    inward = (total - jnp.sqrt(total**2 - 4 * area * (1 - o))) / 4
    outward = (jnp.sqrt((o * total) ** 2 + 4 * o * (1 - o) * area) - o * total) / (4 * o)
    return jnp.minimum(jnp.minimum(along, inward), outward)


def checked(batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Boxes in float32, which are valid, and their classes."""
    missing = [name for name in ("boxes", "boxes_valid", "classes") if name not in batch]
    if missing:
        raise ValueError(f"`batch` must have `boxes`, `boxes_valid` and `classes`; no {missing}.")
    boxes, valid, labels = (jnp.asarray(batch[n]) for n in ("boxes", "boxes_valid", "classes"))
    if boxes.ndim != 3 or boxes.shape[-1] != 4:
        raise ValueError(f"`boxes` must have the shape (n, m, 4); got {boxes.shape}.")
    for name, array in (("boxes_valid", valid), ("classes", labels)):
        if array.shape != boxes.shape[:2]:
            raise ValueError(
                f"`{name}` must have one entry for each of `boxes` {boxes.shape}; got "
                f"{array.shape}."
            )
    if not jnp.issubdtype(boxes.dtype, jnp.floating):
        raise TypeError(f"`boxes` must hold floats; got {boxes.dtype}.")
    if valid.dtype != jnp.bool_:
        raise TypeError(f"`boxes_valid` must hold bools; got {valid.dtype}.")
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"`classes` must hold integers; got {labels.dtype}.")
    return boxes.astype(jnp.float32), valid, labels


def check_outputs(outputs: jax.Array) -> int:
    """The number of classes of a network's outputs."""
    if jnp.ndim(outputs) != 4 or jnp.shape(outputs)[-1] < 5:
        raise ValueError(
            "`outputs` must be (n, height, width, classes + 4), as a CenterNet returns them; got "
            f"{shown(jnp.shape(outputs))}."
        )
    return jnp.shape(outputs)[-1] - 4

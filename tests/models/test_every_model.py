"""What holds for every network: it learns, in bfloat16 too, by any algorithm, on any platform."""

import inspect
import re
from functools import partial
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from jax import export

from cnn_jax import functional as F
from cnn_jax import models, training
from cnn_jax.analysis import summarize
from tests.compilation import QUICKLY

from .cases import SMALL
from .networks import abstract, filled, images
from .plain import NETWORKS

DISTANCES = {"lenet1998", "stereo"}  # near 84, where bfloat16 has steps of 0.5; disparities
JUMPS = {"deconvnet"}  # another place in a pool, and its unpooling puts a value elsewhere
FILES = sorted(Path(models.__file__).parent.glob("[!_]*.py"))


def case(name, **options):
    make, size = SMALL[name]
    batch = images(4, *size)
    return filled(make, **options), jnp.asarray(batch), jnp.asarray([0, 1, 2, 1])


def loss_and_gradient(model, optimizer):
    state, apply = training.init(model, optimizer)

    def loss(params, stats, x, labels):
        logits, _ = apply(params, stats, {"image": x}, jax.random.key(0))
        # Over time or places, if they are there: a restored image of 3 channels is scored so too.
        logits = logits.reshape(len(x), -1, logits.shape[-1]).mean(1)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return state, jax.jit(jax.value_and_grad(loss), compiler_options=QUICKLY)


def logits(model, x, algorithm="xla"):
    model.eval()
    with F.using(algorithm=algorithm):
        return jax.jit(lambda x: model(x), compiler_options=QUICKLY)(x)


@pytest.mark.parametrize("name", [name for name in SMALL if name not in JUMPS])
def test_a_step_lowers_the_loss(name):
    model, x, labels = case(name)
    state, evaluate = loss_and_gradient(model, optax.sgd(1e-3))
    with F.using(algorithm="xla"):
        loss, gradient = evaluate(state.params, state.stats, x, labels)
        scale = 0.01 / optax.tree.norm(gradient)
        params = jax.tree.map(lambda p, g: p - scale * g, state.params, gradient)
        after, _ = evaluate(params, state.stats, x, labels)
    assert after < loss


@pytest.mark.parametrize("name", SMALL)
def test_auto_and_xla_agree_and_bfloat16_is_close_with_parameters_in_float32(name):
    model, x, _ = case(name)
    expected = logits(model, x)
    largest = float(jnp.abs(expected).max())
    assert jnp.abs(logits(model, x, "auto") - expected).max() < 1e-4 * largest

    narrow, _, _ = case(name, dtype=jnp.bfloat16)
    with jax.numpy_dtype_promotion("standard"):  # Flax promotes to float32 to normalize
        in_bfloat16 = logits(narrow, x)
    assert in_bfloat16.dtype == (jnp.float32 if name in DISTANCES else jnp.bfloat16)
    floats = {leaf.dtype for leaf in jax.tree.leaves(nnx.state(narrow, nnx.Param))}
    assert floats == {jnp.dtype("float32")}
    difference = jnp.abs(in_bfloat16.astype(jnp.float32) - expected)
    assert difference.max() > 0
    if name not in JUMPS:
        assert difference.max() < 0.1 * largest


@pytest.mark.parametrize("name", SMALL)
def test_a_training_step_is_exported_for_tpu_and_gpu_with_xla_convolutions(name):
    model, x, labels = case(name)
    state, evaluate = loss_and_gradient(model, optax.sgd(1e-3))
    arguments = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (state.params, state.stats, x, labels)
    )
    exported = export.export(evaluate, platforms=["tpu", "cuda"])(*arguments)
    assert exported.platforms == ("tpu", "cuda")
    convolves = "stablehlo.convolution" in exported.mlir_module()
    assert convolves is (name not in ("mlp", "locally_connected"))


@pytest.mark.parametrize("name", SMALL)
def test_takes_any_batch_axes_and_names_its_feature_maps(name):
    make, size = SMALL[name]
    model = abstract(make)
    model.eval()
    graph, state = nnx.split(model)

    def maps(*batch):
        x = jax.ShapeDtypeStruct((*batch, *size), jnp.float32)
        made = jax.eval_shape(lambda s, x: nnx.merge(graph, s).feature_maps(x), state, x)
        return {name: feature_map.shape for name, feature_map in made.items()}

    one = maps()
    assert ("logits" if NETWORKS[name].HEAD else NETWORKS[name].LAST) in one
    assert maps(2, 3) == {name: (2, 3, *shape) for name, shape in one.items()}


@pytest.mark.parametrize("name", SMALL)
def test_a_summary_and_the_table_of_flax_count_the_same_parameters(name):
    make, size = SMALL[name]
    model = filled(make)
    model.eval()
    plain = {"width": 400, "force_terminal": False, "color_system": None}
    table = nnx.tabulate(model, jnp.zeros((1, *size)), depth=1, console_kwargs=plain)
    (totals,) = (line for line in table.splitlines() if " Total │" in line)
    numbers = {int(n.replace(",", "")) for n in re.findall(r"([\d,]+) \(", totals)}
    summary = summarize(model, (1, *size))
    assert {summary.parameters, summary.non_trainable} - {0} <= numbers
    assert len(numbers) <= 3  # the third are random streams


def test_every_file_of_networks_is_among_the_cases():
    assert {file.stem for file in FILES} == set(SMALL)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_that_a_file_makes_is_exported(file):
    found = vars(import_module(f"cnn_jax.models.{file.stem}")).items()
    variants = {name for name, thing in found if isinstance(thing, partial)}
    networks = {name for name, thing in found if "HEAD" in getattr(thing, "__dict__", ())}
    assert len(networks) == 1
    assert {file.stem} | variants | networks <= set(vars(models))
    text = inspect.getdoc(getattr(models, file.stem)) or ""
    assert text.startswith("Make ")


@pytest.mark.parametrize("name", SMALL)
def test_random_streams_of_another_kind_are_refused(name):
    with pytest.raises(TypeError, match=r"`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs\(0\)"):
        SMALL[name][0](rngs=0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_one_architecture_that_a_person_can_read(file):
    text = file.read_text()
    assert len(text.splitlines()) < 250
    assert re.search(r"^References:", text, re.MULTILINE)

"""The weights of a run, for anything that reads them."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from safetensors.numpy import load_file

from cnn_jax import models, training

from . import tiny
from .tiny import KEY, LOSS, assert_same_bits


def run(folder, *, optimizer=None, epochs=3, best=None, frozen=()):
    optimizer = optimizer or tiny.optimizer()
    state, apply = training.init(tiny.Tiny(rngs=nnx.Rngs(0)), optimizer, frozen=frozen)
    step = training.make_step(apply, optimizer, LOSS, prepare=tiny.prepare)
    checkpoints = training.Checkpoints(folder, {}, best=best)
    batches = training.batches(tiny.split(16), 8)
    return [
        (record, jax.tree.map(np.array, state))
        for record, state in training.fit(
            state, step, batches, epochs=epochs, key=KEY, checkpoints=checkpoints
        )
    ]


def test_a_run_leaves_the_last_the_best_and_their_averages(tmp_path):
    optimizer = optax.chain(tiny.optimizer(), training.average_params(0.9))
    best = training.Best("train_loss", "max")  # the first epoch
    records = run(tmp_path, optimizer=optimizer, best=best)
    assert best.of([record for record, _ in records])["epoch"] == 1
    names = {"weights", "weights_average", "weights_best", "weights_best_average"}
    assert {path.stem for path in tmp_path.glob("*.safetensors")} == names
    for name, (_, state) in {"weights": records[-1], "weights_best": records[0]}.items():
        found = load_file(tmp_path / f"{name}.safetensors")
        np.testing.assert_array_equal(found["conv.kernel"], state.params["conv"]["kernel"])
        np.testing.assert_array_equal(found["norm.mean"], state.stats["norm"]["mean"])
        kernel = state.params["hidden"]["layers"][0]["kernel"]
        np.testing.assert_array_equal(found["hidden.0.kernel"], kernel)
        average = load_file(tmp_path / f"{name}_average.safetensors")["classify.bias"]
        expected = training.averaged(state).params["classify"]["bias"]
        np.testing.assert_array_equal(average, expected)


def test_models_load_them_and_any_optimizer_takes_them(tmp_path):
    *_, (_, reached) = run(tmp_path, frozen=["conv"])
    model = tiny.Tiny(rngs=nnx.Rngs(9))
    models.load_weights(model, tmp_path / "weights.safetensors")
    images = tiny.prepare(tiny.split(4))
    model.eval()
    state, apply = training.init(tiny.Tiny(rngs=nnx.Rngs(9)), optax.sgd(0.1), frozen=["hidden"])
    other = training.restore_parameters(state, tmp_path)
    logits, _ = apply(other.params, other.stats, images)
    np.testing.assert_allclose(model(images["image"]), logits, rtol=1e-5, atol=1e-6)
    assert_same_bits(other.params["conv"], reached.stats["conv"])
    assert_same_bits(other.opt_state, state.opt_state)


def test_files_of_models_go_in_too(tmp_path):
    model = models.lenet(rngs=nnx.Rngs(3))
    models.save_weights(model, tmp_path / "lenet.safetensors")
    state, _ = training.init(models.lenet(rngs=nnx.Rngs(4)), optax.adam(0.1))
    restored = training.restore_parameters(state, tmp_path / "lenet.safetensors")
    assert_same_bits(restored.params, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    training.save_weights(restored, tmp_path / "again.npz")
    again = training.restore_parameters(state, tmp_path / "again.npz")
    assert_same_bits(again, restored)


def test_an_average_begins_anew_at_weights_that_are_restored(tmp_path):
    optimizer = optax.chain(optax.sgd(0.1), training.average_params(0.9))
    state, _ = training.init(tiny.Tiny(rngs=nnx.Rngs(1)), optimizer)
    other, _ = training.init(tiny.Tiny(rngs=nnx.Rngs(2)), optimizer)
    training.save_weights(other, tmp_path / "w.safetensors")
    restored = training.restore_parameters(state, tmp_path / "w.safetensors")
    assert_same_bits(training.averaged(restored).params, other.params)


def test_weights_over_devices_stay_there(tmp_path):
    state, _ = training.init(models.lenet(rngs=nnx.Rngs(3)), optax.sgd(0.1))
    training.save_weights(state, tmp_path / "w.safetensors")
    placed = training.place(state, training.make_mesh(), fully_sharded=True)
    restored = training.restore_parameters(placed, tmp_path / "w.safetensors")
    for one, other in zip(jax.tree.leaves(restored.params), jax.tree.leaves(placed.params)):
        assert one.sharding == other.sharding
    assert_same_bits(training.fetch(restored.params), training.fetch(state.params))


def test_what_is_no_file_of_the_weights_is_refused(tmp_path):
    state = tiny.start()
    file = tmp_path / "w.safetensors"
    training.save_weights(tiny.start(width=8), file)
    with pytest.raises(ValueError, match=r"conv\.kernel is float32\[3, 3, 1, 4\] here and float32"):
        training.restore_parameters(state, file)
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"w\.safetensors .*(damaged|changed)"):
        training.restore_parameters(state, file)
    with pytest.raises(FileNotFoundError, match=r"nothing/weights\.safetensors|nothing"):
        training.restore_parameters(state, tmp_path / "nothing")
    with pytest.raises(TypeError, match="`file` must be a path; got None"):
        training.restore_parameters(state, None)
    with pytest.raises(TypeError, match=r"`state` must be a TrainState; got dict"):
        training.save_weights({}, file)

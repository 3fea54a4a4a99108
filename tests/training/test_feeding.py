"""Batches: the same examples in the same order, wherever they come from."""

import dataclasses
import functools
import itertools
import pickle

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import data, training
from cnn_jax.training.feeding._order import epoch_of

from .tiny import KEY


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Seen:
    """The state of a step that only looks at its batches."""

    step: jax.Array


def look(state, batch, key):
    """A step whose metrics tell what it was given."""
    weights = jnp.arange(1, len(batch["label"]) + 1)
    return Seen(state.step + 1), {
        "loss": (batch["label"] * weights).sum().astype(jnp.float32),
        "pixels": batch["image"].astype(jnp.float32).sum(),
        "key": jax.random.uniform(key),
    }


def numbered(examples):
    """Examples that are told apart by their labels."""
    images = np.random.default_rng(0).integers(0, 255, (examples, 2, 2, 1)).astype(np.uint8)
    return {"image": images, "label": np.arange(examples, dtype=np.int32)}


def listed(arrays):
    return [{n: a[i] for n, a in arrays.items()} for i in range(len(arrays["label"]))]


def seen(batches, counts, key=KEY):
    """What the steps measured, some steps at a time."""
    run, state, first, measured = batches.program(look), Seen(jnp.int32(0)), 0, []
    if batches.mesh is not None:
        state = training.place(state, batches.mesh)
    for count in counts:
        state, metrics = run(state, first, count, key)
        measured.append(metrics)
        first += count
    assert state.step == first
    batches.close()
    return {n: np.concatenate([m[n] for m in measured]) for n in measured[0]}


DATA = numbered(22)  # 5 steps of 4, 2 left over
KINDS = {
    "resident": {"resident": True},
    "stream": {"resident": False},
    "one thread": {"resident": False, "threads": 0},
    "mesh": {"resident": True, "mesh": 4},
    "stream over a mesh": {"resident": False, "mesh": 4},
    "records": {"resident": False, "records": True},
    "records on the device": {"resident": True, "records": True},
}


def made(kind, arrays=DATA, batch_size=4):
    options = dict(KINDS[kind])
    given = listed(arrays) if options.pop("records", False) else arrays
    if "mesh" in options:
        options["mesh"] = training.make_mesh(jax.devices()[: options["mesh"]])
    return training.batches(given, batch_size, **options)


@functools.cache
def expected():
    """By hand: the rows of `indices`, in an order of NumPy."""
    batches = made("resident")
    rows = [batches.indices(KEY, step) for step in range(10)]
    keys = [jax.random.uniform(jax.random.fold_in(KEY, step)) for step in range(10)]
    return {
        "loss": np.array([(DATA["label"][r] * np.arange(1, 5)).sum() for r in rows], np.float32),
        "pixels": np.array([DATA["image"][r].astype(np.float32).sum() for r in rows]),
        "key": np.array(keys),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("counts", [(5, 5), (2, 3, 1, 1, 3)])
def test_all_ways_give_the_same_batches_and_keys(kind, counts):
    for name, values in seen(made(kind), counts).items():
        np.testing.assert_array_equal(values, expected()[name], err_msg=name)


def test_an_epoch_has_each_example_once_and_another_order_each_time():
    batches = made("resident")
    epochs = [
        np.concatenate([batches.indices(KEY, step) for step in range(5 * e, 5 * e + 5)])
        for e in range(20)
    ]
    for rows in epochs:
        assert len(set(rows.tolist())) == 20
    assert len({tuple(rows) for rows in epochs}) == 20
    assert set(np.concatenate(epochs)) == set(range(22))  # others are left out each time
    other = made("resident").indices(jax.random.key(1), 0)
    assert other.tolist() != epochs[0][:4].tolist()


def test_each_place_in_the_order_is_as_likely():
    firsts = np.array([epoch_of(7, e, 10, 1)[0, 0] for e in range(2000)])
    counts = np.bincount(firsts, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-squared with 9 degrees, p = 0.001


def test_the_order_is_this_one_for_ever():
    assert epoch_of(2**64 + 5, 3, 9, 4).tolist() == ORDER


ORDER = [[4, 6, 8, 7], [5, 1, 0, 2]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("examples", [8, 9, 11])
def test_a_pass_in_order_has_every_example_once(kind, examples):
    arrays = numbered(examples)
    batches = list(made(kind, arrays).in_order())
    assert [len(batch["label"]) for batch in batches[:-1]] == [4] * (len(batches) - 1)
    for name in arrays:
        found = np.concatenate([np.asarray(batch[name]) for batch in batches])
        np.testing.assert_array_equal(found, arrays[name])
        assert found.dtype == arrays[name].dtype


@pytest.mark.parametrize("kind", ["resident", "stream", "mesh"])
def test_another_kind_of_keys_makes_another_program(kind):
    batches = made(kind)
    run, drawn = batches.program(look), []
    for impl in ("rbg", "unsafe_rbg"):  # of the same shape
        key, start = jax.random.key(3, impl=impl), Seen(jnp.int32(0))
        if batches.mesh is not None:
            start = training.place(start, batches.mesh)
        drawn.append(run(start, 0, 2, key)[1]["key"])
        expected = [jax.random.uniform(jax.random.fold_in(key, step)) for step in range(2)]
        np.testing.assert_array_equal(drawn[-1], np.array(expected))
    batches.close()
    assert not np.array_equal(*drawn)


def test_a_pass_that_breaks_off_leaves_no_thread():
    batches = made("stream", numbered(400))
    for _ in range(3):
        next(iter(batches.in_order()))
    run = batches.program(look)
    run(Seen(jnp.int32(0)), 0, 2, KEY)
    batches.close()
    batches.close()


def test_worker_processes_read_the_same():
    batches = training.batches(listed(DATA), 4, resident=False, workers=2)
    for name, values in seen(batches, (5, 2)).items():
        np.testing.assert_array_equal(values, expected()[name][:7], err_msg=name)


class Counted:
    """Records that tell who read them, and when."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return 22

    def __getitem__(self, index):
        self.read.append(index)
        return {"image": DATA["image"][index], "label": DATA["label"][index]}


def test_a_stream_goes_on_where_it_is_and_reads_nothing_twice():
    records = Counted()
    batches = training.batches(records, 4, threads=0)
    records.read.clear()
    seen(batches, (2, 2, 1))
    rows = np.concatenate([batches.indices(KEY, step) for step in range(5)]).tolist()
    assert records.read[:20] == rows


def test_sources_are_read_many_at_once():
    source = data.source("fashion_mnist_small", "test")
    batches = training.batches(source, 100)
    assert isinstance(batches, training.Stream)
    first = next(iter(batches.in_order()))
    arrays = data.load("fashion_mnist_small", "test")
    np.testing.assert_array_equal(first["image"], arrays.images[:100])
    np.testing.assert_array_equal(first["label"], arrays.labels[:100])
    assert pickle.loads(pickle.dumps(source))[3]["label"] == arrays.labels[3]


def test_what_fits_lies_on_the_device_and_what_does_not_is_streamed(monkeypatch):
    assert isinstance(training.batches(DATA, 4), training.Resident)
    assert isinstance(training.batches(listed(DATA), 4), training.Stream)
    dataset = data.load("fashion_mnist_small", "test")
    assert isinstance(training.batches(dataset, 4), training.Resident)
    monkeypatch.setattr("cnn_jax.training.feeding._choose.ON_HOST", 100)
    assert isinstance(training.batches(DATA, 4), training.Stream)
    assert isinstance(training.batches(DATA, 4, resident=True), training.Resident)


def test_the_fingerprint_is_that_of_the_data_not_of_the_way():
    same = {str(made(kind).fingerprint) for kind in ("resident", "stream", "mesh")}
    assert len(same) == 1
    for name, index in (("image", 17), ("label", 3)):
        other = {n: a.copy() for n, a in DATA.items()}
        other[name][index] += 1
        assert str(training.batches(other, 4).fingerprint) not in same
    records = made("records").fingerprint
    assert records == made("records on the device").fingerprint
    fewer = training.batches(listed(DATA)[:-1], 4).fingerprint
    assert fewer != records


def epoch_batches(epoch, batches=5):
    rng = np.random.default_rng(epoch)
    for _ in range(batches):
        yield {
            "image": rng.integers(0, 9, (4, 2, 2, 1)).astype(np.uint8),
            "label": rng.integers(0, 99, 4).astype(np.int32),
        }


def test_batches_of_ones_own_begin_each_epoch_anew():
    expected = list(itertools.chain(epoch_batches(0), epoch_batches(1)))
    sums = [(batch["label"] * np.arange(1, 5)).sum() for batch in expected]
    for counts in ((5, 5), (2, 3, 4, 1)):
        batches = training.Own(epoch_batches, steps=5, batch_size=4)
        np.testing.assert_array_equal(seen(batches, counts)["loss"], sums)


def test_batches_of_ones_own_are_skipped_when_a_run_goes_on():
    batches = training.Own(epoch_batches, steps=5, batch_size=4)
    run = batches.program(look)
    _, metrics = run(Seen(jnp.int32(7)), 7, 2, KEY)
    rest = list(epoch_batches(1))[2:4]
    expected = [(batch["label"] * np.arange(1, 5)).sum() for batch in rest]
    np.testing.assert_array_equal(metrics["loss"], expected)


def test_a_dataset_of_grain_goes_in():
    dataset = grain.MapDataset.source(listed(DATA)).seed(0)

    def make(epoch):
        return dataset.seed(epoch).shuffle().batch(4).to_iter_dataset()

    batches = training.Own(make, steps=5, batch_size=4)
    values = seen(batches, (5, 5))["loss"]
    assert len(set(values[:5]) & set(values[5:])) < 5
    assert len(list(batches.in_order())) == 5


def test_batches_of_ones_own_that_are_wrong_are_refused():
    few = training.Own(lambda epoch: epoch_batches(epoch, 3), steps=5, batch_size=4)
    with pytest.raises(ValueError, match="`make` must give 5 batches for each epoch; it gave 3"):
        seen(few, (5,))
    other = training.Own(epoch_batches, steps=5, batch_size=3)
    with pytest.raises(ValueError, match=r"batches of 3 examples; in batch 0 .* \[\(4,\)\]"):
        seen(other, (5,))
    with pytest.raises(TypeError, match=r"`make` must be a function of \(epoch\); got \[\]"):
        training.Own([], steps=5, batch_size=4)


class Broken(Counted):
    def __getitem__(self, index):
        if index == 13:
            raise data.DamagedFileError("record 13 of /data/pets is damaged")
        return super().__getitem__(index)


@pytest.mark.parametrize("options", [{}, {"threads": 0}, {"workers": 1}])
def test_a_record_that_is_damaged_midway_is_named(options):
    records = Broken()
    with pytest.raises(Exception, match="record 13 of /data/pets is damaged"):
        seen(training.batches(records, 4, **options), (5, 5))


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        ({}, {}, ValueError, "`data` must hold arrays with one leading axis"),
        ({"a": np.ones(3), "b": np.ones(4)}, {}, ValueError, r"got the shapes {'a': \(3,\)"),
        ({"a": np.float32(1)}, {}, ValueError, "`data` must hold arrays with one leading axis"),
        ({"a": np.array(["x"])}, {}, TypeError, "`data` must hold arrays of numbers; got <U1"),
        ({"a": np.array([2**40])}, {}, ValueError, "integers that fit into int32; they go from"),
        ("pets", {}, TypeError, "`data` must be a tree of arrays, such as .* got 'pets'"),
        (None, {}, TypeError, "`data` must be a tree of arrays, .* got None"),
        ([], {}, ValueError, "`data` must hold at least one example"),
        (DATA, {"batch_size": 23}, ValueError, "`batch_size` must be at most .* 22; got 23"),
        (DATA, {"batch_size": 0}, ValueError, "`batch_size` must be a positive int; got 0"),
        (DATA, {"batch_size": 4.0}, TypeError, r"`batch_size` must be a positive int; got 4\.0"),
        (DATA, {"mesh": 8}, TypeError, "`mesh` must have an axis 'data'"),
        (DATA, {"resident": "yes"}, TypeError, "`resident` must be True or False"),
        (DATA, {"threads": -1}, ValueError, "`threads` must be an int of at least 0; got -1"),
        (DATA, {"workers": None}, TypeError, "`workers` must be an int of at least 0"),
    ],
)
def test_wrong_data_are_refused(given, options, error, message):
    with pytest.raises(error, match=message):
        training.batches(given, **{"batch_size": 4, **options})


def test_a_batch_that_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match="a multiple of the 8 devices that share it; got 4"):
        training.batches(DATA, 4, mesh=training.make_mesh())


def test_examples_of_several_shapes_are_refused():
    records = [{"image": np.ones((i % 2 + 2, 2))} for i in range(8)]
    with pytest.raises(ValueError, match="`data` must hold examples of one form"):
        next(iter(training.batches(records, 4).in_order()))

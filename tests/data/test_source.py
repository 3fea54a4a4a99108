"""`source`, `info` and `names`: the same examples as `load`, one by one, in any process."""

import multiprocessing
import pickle

import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.data.sources import PreparedRecords, Source

from .conftest import flip_bit

ENTRIES = ("name", "title", "description", "license", "homepage", "citation")


@pytest.fixture
def prepared(tiny, root) -> Source:
    """A source of the tiny set."""
    tiny.read("train", tiny.folder, root=root)
    records = PreparedRecords(root / "fashion_mnist" / "1.0.0", "train", "Prepare it again.")
    return Source(tiny.facts.info, "train", records)


def test_examples_are_those_of_load():
    source, dataset = (f("fashion_mnist_small", "test") for f in (data.source, data.load))
    assert len(source) == len(dataset) == 1000
    assert source.classes == dataset.classes
    assert dataset.examples.keys() == {"image", "label"}
    for index in (0, 500, 999, -1):
        for name, array in dataset.examples.items():
            np.testing.assert_array_equal(source[index][name], array[index])


def test_prepared_examples(prepared, tiny):
    for index in (0, 29, -30, np.int32(7)):
        example = prepared[index]
        assert example["image"].dtype == np.uint8
        assert example["label"].dtype == np.int32
        for name, array in tiny.arrays["train"].items():
            np.testing.assert_array_equal(example[name], array[index])
    assert [int(example["label"]) for example in prepared] == list(tiny.arrays["train"]["label"])
    assert len(prepared.__getitems__([3, 3, -1])) == 3
    assert prepared.__getitems__([]) == []


def test_a_wrong_index(prepared):
    for index in (30, -31, 2**70):
        with pytest.raises(IndexError, match=r"`index` must be below 30, .* of fashion_mnist; got"):
            prepared[index]
    for index in (1.0, "1", slice(2)):
        with pytest.raises(TypeError, match="`index` must be an int; got"):
            prepared[index]


def label_of(source_and_index):
    source, index = source_and_index
    return int(source[index]["label"])


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_workers_can_have_it(prepared, tiny, method):
    prepared[0]  # it is open in this process
    with multiprocessing.get_context(method).Pool(2) as pool:
        labels = pool.map(label_of, [(prepared, index) for index in range(30)])
    assert labels == list(tiny.arrays["train"]["label"])


def test_pickles(prepared):
    prepared[0]
    for source in (prepared, data.source("fashion_mnist_small", "test")):
        copy = pickle.loads(pickle.dumps(source))
        np.testing.assert_array_equal(copy[5]["image"], source[5]["image"])
    assert len(pickle.dumps(prepared)) < 2000  # neither records nor open files


def test_a_damaged_record_is_named(prepared):
    (file,) = prepared.records.folder.glob("*train.array_record*")
    flip_bit(file)
    with pytest.raises(data.DamagedFileError, match=r"record \d+ of the train split in .*1\.0\.0"):
        list(prepared)
    with pytest.raises(data.DamagedFileError, match=r"record \d+ .* Prepare it again"):
        prepared.__getitems__(range(30))


def test_names_and_facts():
    assert data.names()[:2] == ("fashion_mnist_small", "fashion_mnist")
    for name in data.names():
        facts = data.info(name)
        assert facts.name == name
        assert all(isinstance(getattr(facts, entry), str) for entry in ENTRIES)
        assert facts.counts["train"] > facts.counts["test"] > 0
        assert facts.classes == facts.labels["label"]
        assert len(set(facts.classes)) == len(facts.classes) >= 10
        assert facts.citation.endswith(".")
        assert facts.homepage.startswith("http")
    with pytest.raises(ValueError, match=r"`name` must be one of .* Did you mean 'kmnist'"):
        data.info("kmnst")

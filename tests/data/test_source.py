"""`source`, `info` and `names`: the same examples as `load`, one by one, in any process."""

import multiprocessing
import pickle
import subprocess
import sys

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


def labels_by_workers(source, method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        # `get` with a limit: the pool itself waits forever for a worker that has crashed.
        examples = pool.map_async(source.__getitem__, range(len(source))).get(timeout=100)
        together = pool.map_async(source.__getitems__, [[2, 3], [4]]).get(timeout=100)
    labels = [int(example["label"]) for example in examples]
    assert [int(e["label"]) for batch in together for e in batch] == labels[2:5]
    return labels


def test_workers_can_have_it(prepared, tiny):
    prepared[0]  # it is open in this process
    assert labels_by_workers(prepared, "spawn") == list(tiny.arrays["train"]["label"])


def test_forked_workers_can_have_it_if_their_parent_has_read_nothing(prepared, tiny, tmp_path):
    pickled = tmp_path / "source.pickle"
    pickled.write_bytes(pickle.dumps(prepared))
    program = f"""
import pickle
from pathlib import Path
from tests.data.test_source import labels_by_workers
print(labels_by_workers(pickle.loads(Path({str(pickled)!r}).read_bytes()), "fork"))
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ended.stdout.strip() == str(tiny.arrays["train"]["label"].tolist()), ended.stderr


@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_otherwise_forked_workers_are_told_what_to_do(prepared):
    prepared[0]
    with pytest.raises(RuntimeError, match=r'after its parent has read .* "spawn"'):
        labels_by_workers(prepared, "fork")


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

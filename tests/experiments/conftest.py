"""Runs of an experiment that start anew compile the same programs: each is compiled once."""

import pytest

from ..compilation import remembered


@pytest.fixture(scope="package", autouse=True)
def programs_are_remembered(tmp_path_factory):
    with remembered(tmp_path_factory):
        yield

"""The measurement of how data get to the steps of training."""

import io

import numpy as np
import pytest
from PIL import Image

from experiments import feeding
from experiments.running.options import RunError


def test_a_smoke_run_measures_everything(capsys):
    figures = feeding.main(feeding.Config(smoke=True, epochs=3))
    assert figures.keys() == {"resident", "stream", "memory"}
    assert all(np.isfinite(value) for value in figures.values())
    assert figures["resident"] < 1
    assert figures["stream"] > 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["resident", "stream", "memory"]


def test_the_files_hold_the_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1)).astype(np.uint8)
    records = feeding.pngs({"image": images, "label": np.arange(3)})
    assert len(records) == 3
    for i, image in enumerate(images):
        decoded = records[i]["image"]
        assert decoded.shape == (32, 32, 1)
        np.testing.assert_array_equal(decoded[2:-2, 2:-2], image)
        assert Image.open(io.BytesIO(records.files[i])).format == "PNG"


@pytest.mark.parametrize("options", [{"rounds": 0}, {"batch_size": 501}, {"epochs": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(RunError, match="must be"):
        feeding.Config(**options)

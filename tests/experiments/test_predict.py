"""`experiments.predict`: of a saved image it says what the network says of the array."""

import jax
import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from cnn_jax import data
from experiments import predict
from experiments.running import loading

from .runs import error_of, pictures, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run on gray images."""
    workdir = tmp_path_factory.mktemp("trained")
    run(workdir, learning_rate=0.01)
    return workdir


@pytest.fixture(scope="module")
def colored(tmp_path_factory):
    """The folder of a run on a folder of images in color, and that folder."""
    folder = tmp_path_factory.mktemp("colored")
    images = pictures(folder / "images")
    run(folder / "run", dataset=str(images), size=12, batch_size=20, learning_rate=0.01, epochs=4)
    return folder / "run", images


def main(place, *images, **options):
    return predict.main(predict.Config(place, images, algorithm="xla", **options))


def test_a_saved_image_gets_the_probabilities_of_its_array(trained, tmp_path):
    test = data.load("fashion_mnist_small", "test")
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for number, file in enumerate(files):
        Image.fromarray(test.images[number, ..., 0]).save(file)
    found = main(trained, *files, out=tmp_path / "out.png", top=10)
    made = loading.trained(trained)
    batch = made.network.prepare()({"image": test.images[:4]}, None)
    logits, _ = made.apply(made.state.params, made.state.stats, batch)
    expected = np.asarray(jax.nn.softmax(logits))
    for row, file, probabilities in zip(found, files, expected, strict=True):
        assert row["image"] == file
        said = dict(row["classes"])
        assert [said[name] for name in test.classes] == pytest.approx(probabilities, abs=1e-6)
        assert row["classes"][0][0] == test.classes[int(probabilities.argmax())]
        assert list(said.values()) == sorted(said.values(), reverse=True)


def test_it_prints_a_table_and_draws(trained, tmp_path, capsys):
    file = tmp_path / "boot.png"
    Image.fromarray(data.load("fashion_mnist_small", "test").images[0, ..., 0]).save(file)
    (row,) = main(trained, file, out=tmp_path / "out.png")
    shown = capsys.readouterr().out
    assert len(row["classes"]) == 5
    for name, probability in row["classes"]:
        assert name in shown
        assert f"{probability:.4f}" in shown
    pixels = matplotlib.image.imread(tmp_path / "out.png")
    assert min(pixels.shape[:2]) > 150
    assert pixels[..., :3].std() > 0.1


@pytest.mark.parametrize("which", ["last", "best"])
def test_pictures_of_any_size_and_mode(which, colored, tmp_path):
    workdir, images = colored
    (bright,) = list((images / "test" / "bright").iterdir())[:1]
    picture = Image.open(bright)
    variants = {
        "as_it_is.png": picture,
        "large.jpg": picture.resize((700, 500)),
        "gray.png": picture.convert("L"),
        "palette.gif": picture.convert("P"),
        "transparent.png": picture.convert("RGBA"),
        "wide.bmp": picture.resize((300, 10)),
    }
    for name, variant in variants.items():
        variant.save(tmp_path / name)
    found = main(workdir, *(tmp_path / n for n in variants), which=which, out=tmp_path / "out.png")
    assert [row["classes"][0][0] for row in found] == ["bright"] * len(variants)
    assert all(len(row["classes"]) == 2 for row in found)


def test_a_picture_on_its_side_is_set_upright(trained, tmp_path):
    image = Image.fromarray(data.load("fashion_mnist_small", "test").images[0, ..., 0])
    image.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    files = [tmp_path / f"{name}.png" for name in ("upright", "turned")]
    upright, turned = main(trained, *files, out=tmp_path / "out.png")
    assert upright["classes"] == turned["classes"]


def test_a_file_of_weights_needs_no_run(trained, tmp_path):
    file, image = tmp_path / "w.safetensors", tmp_path / "image.png"
    file.write_bytes((trained / "weights.safetensors").read_bytes())
    Image.fromarray(data.load("fashion_mnist_small", "test").images[5, ..., 0]).save(image)
    options = {"model": "mlp", "model_options": '{"widths": [16]}', "out": tmp_path / "out.png"}
    alone = main(file, image, **options, dataset="fashion_mnist_small")
    assert alone == main(trained, image, out=tmp_path / "out.png")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["RUN", "nowhere.png"], "`IMAGE` nowhere.png does not exist."),
        (["RUN", "FOLDER"], "`IMAGE` must be a file; "),
        (["RUN", "TEXT"], "text.png cannot be decoded (it is none of JPEG, PNG, "),
        (["RUN", "CUT"], "cut.png cannot be decoded ("),
        (["nowhere", "TEXT"], "`RUN_OR_WEIGHTS` nowhere does not exist."),
        (["FOLDER", "TEXT"], "is no run of `experiments.train`"),
        (["RUN", "WHOLE", "--which", "average"], "`--which` must be one of last, best: "),
        (["RUN", "WHOLE", "--out", "/nowhere/out.png"], "/nowhere"),
    ],
)
def test_a_mistake_is_told_in_one_line(words, text, trained, tmp_path, monkeypatch, capsys):
    places = {"RUN": trained, "FOLDER": tmp_path}
    for name in ("WHOLE", "TEXT", "CUT"):
        places[name] = tmp_path / f"{name.lower()}.png"
    Image.fromarray(np.arange(10000, dtype=np.uint8).reshape(100, 100)).save(places["WHOLE"])
    places["TEXT"].write_text("no picture")
    places["CUT"].write_bytes(places["WHOLE"].read_bytes()[:150])
    words = [places.get(word, word) for word in words]
    error = error_of(monkeypatch, capsys, predict, words)
    assert text in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["RUN", "a.png", "--top", "0"], "`--top` must be at least 1; got 0."),
        (["RUN", "a.png", "--out", "a.jpg"], "`--out` must be a file.png; got a.jpg."),
        (["RUN"], "IMAGE"),
    ],
)
def test_a_wrong_value_is_told_at_once(words, text, monkeypatch, capsys):
    assert text in error_of(monkeypatch, capsys, predict, words)

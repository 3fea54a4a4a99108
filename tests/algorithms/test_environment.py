"""What a measurement depends on besides the problem."""

from types import SimpleNamespace

import jax
import pytest

from cnn_jax.algorithms.choice import environment, remembered

pytestmark = pytest.mark.usefixtures("cache")


def device(platform, version="", kind="a chip", **raw):
    client = SimpleNamespace(platform_version=version, **raw)
    return SimpleNamespace(platform=platform, device_kind=kind, client=client)


@pytest.mark.parametrize(
    ("device", "platform"),
    [
        (device("cpu"), "cpu"),
        (device("tpu"), "tpu"),
        (device("gpu", "PJRT C API\ncuda 12080"), "cuda"),
        (device("gpu", "PJRT C API\nrocm 60300"), "rocm"),
        (device("gpu", _raw_platform="rocm"), "rocm"),
    ],
)
def test_the_platform_is_named_as_programs_are_lowered_for_it(device, platform, monkeypatch):
    monkeypatch.setattr(environment, "_device", lambda: device)
    assert environment.platform() == platform


def test_everything_that_a_measurement_depends_on_has_a_file_of_its_own(monkeypatch):
    files = [remembered.file()]
    changes = (
        (environment.os, "sched_getaffinity", lambda _: range(1000)),
        (environment.jax, "__version__", "99.9"),
        (environment.jaxlib.version, "__version__", "99.9"),
        (environment, "__version__", "99.9"),
        (environment, "_processor", lambda: "another"),
        (environment, "_device", lambda: device("tpu")),
        (environment, "_device", lambda: device("tpu", kind="another")),
    )
    for change in changes:
        with monkeypatch.context() as patch:
            patch.setattr(*change, raising=False)
            environment._environment.cache_clear()
            files.append(remembered.file())
    with monkeypatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_another")
        environment._environment.cache_clear()
        files.append(remembered.file())
    environment._environment.cache_clear()
    assert len(set(files)) == len(files) == 9
    assert remembered.file() == files[0]


def test_a_default_device_is_what_is_measured_on():
    with jax.default_device("cpu"):
        assert environment.platform() == "cpu"
    with jax.default_device(jax.devices()[1]):
        assert environment._device() == jax.devices()[1]

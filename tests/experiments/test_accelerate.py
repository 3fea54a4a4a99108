"""The command that compares other libraries' networks with the same ones by our operations."""

import jax
import pytest
from jax import lax

from experiments import accelerate
from experiments.running.options import RunError


def test_a_network_is_compared_in_inference_and_training(capsys):
    accelerate.main(accelerate.Config(networks="linen", seconds=1e-3))
    printed = capsys.readouterr().out
    assert "Flax Linen" in printed
    for what in ("inference", "training step"):
        assert printed.count(what) == 1
    for contender in accelerate.CONTENDERS:
        assert printed.count(contender) == 2


def test_by_hand_our_operations_take_the_place_of_those_of_lax():
    network = accelerate.of_linen(jax.random.key(0))
    given, original = (network.variables, network.images), lax.conv_general_dilated
    plain, ours = (
        str(jax.make_jaxpr(wrap(network.logits))(*given))
        for wrap in (lambda f: f, accelerate.by_hand)
    )
    assert "native_output" not in plain
    assert "native_output" in ours
    assert lax.conv_general_dilated is original


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": "haiku,torch"}, "`--networks` must be some of linen, haiku"),
        ({"seconds": 0.0}, "`--seconds` must be positive"),
        ({"seconds": "1"}, "`--seconds` must be a number"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(RunError, match=message):
        accelerate.Config(**options)

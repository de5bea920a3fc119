"""Devices and precisions that are there, and the ones that are not."""

import pytest
import torch

from dssgan.errors import ConfigError
from dssgan.inference.device import choose_device, uses_bf16


def test_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    choose_device("auto")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cpu:-1"])
def test_unknown_device(name):
    with pytest.raises(ConfigError, match="unknown device"):
        choose_device(name)


def test_device_that_this_machine_lacks():
    with pytest.raises(ConfigError, match="cuda:99: this machine has no such device; use auto or cpu"):
        choose_device("cuda:99")


def test_precision():
    cpu = torch.device("cpu")
    assert uses_bf16("bf16", cpu)
    assert not uses_bf16("float32", cpu)
    assert isinstance(uses_bf16("auto", cpu), bool)
    assert not uses_bf16("auto", torch.device("mps"))
    with pytest.raises(ConfigError, match="unknown precision 'fp16'"):
        uses_bf16("fp16", cpu)

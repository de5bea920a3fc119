"""Devices and precisions that are there, and the ones that are not, and memory that is kept."""

import subprocess
import sys

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


FAULTS = """
import resource, torch
from dssgan.inference.device import keep_freed_memory
{}
for _ in range(3): torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep freed memory")
def test_kept_memory_is_not_fetched_from_the_kernel_again():
    def faults(call: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", FAULTS.format(call)]))

    # twenty tensors of 64 MiB, 16384 pages each
    assert 2 * faults("keep_freed_memory()") < faults("")


def test_a_forked_process_separates_too(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
import multiprocessing, numpy, torch
from dssgan import Separator
torch.set_num_threads(2)
separator = Separator.load("fast", "cpu", precision="float32")
mix = numpy.random.default_rng(0).normal(0, 0.1, (2, 44100)).astype(numpy.float32)
before = separator.separate(mix, 44100)["drums"]
def work(number):
    return float(numpy.abs(separator.separate(mix, 44100)["drums"] - before).max())
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert max(pool.map(work, range(2))) < 1e-5
""")
    subprocess.run([sys.executable, script], check=True, timeout=60)

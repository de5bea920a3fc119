"""A signal that arrives after a library has compiled a graph and freed it again."""

import subprocess
import sys

import pytest

from dssgan.separators import build_separator
from dssgan.separators.graphs.export import export_onnx

pytestmark = pytest.mark.slow

PROGRAM = """
import ctypes, faulthandler, gc, signal, sys
from pathlib import Path
import torch
from dssgan.separators.graphs.runtimes import RUNTIMES


class Stack(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

def stack():
    found = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found.base, found.flags, found.size

torch.set_num_threads(1)  # compiled in this thread
if sys.argv[3] == "stack":
    faulthandler.enable()
before = stack()
first, second = (RUNTIMES[sys.argv[1]](Path(sys.argv[2])) for _ in range(2))
for graph in (first, second):
    graph.run(torch.zeros([size or 1 for size in graph.shapes[0][0]]))
del graph, first  # in this order what the second one found was the first one's
gc.collect()
del second
gc.collect()
print(stack() == before)
signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
signal.raise_signal(signal.SIGUSR1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the stack is looked at as Linux has it")
@pytest.mark.parametrize("before", ["stack", "none"])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_signal_afterwards_is_heard(engine: str, before: str, tmp_path) -> None:
    small = {"num_initial_filters": 4, "num_layers": 2, "n_fft": 512, "hop_samples": 256}
    export_onnx(build_separator("tdf_unet", small, "tiny").eval(), tmp_path / "a.onnx")
    command = [sys.executable, "-c", PROGRAM, engine, str(tmp_path / "a.onnx"), before]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "True\nheard\n"), done.stderr

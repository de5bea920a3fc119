"""Keep a library from leaving the thread a stack for signals that it frees later."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """Linux's `stack_t`; see sigaltstack(2)."""

    _fields_ = (("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Restore the alternate stack for signal handlers that the thread had before the block.

    OpenVINO's compiler puts one of its own there and frees it together with what it compiled, even if it is in use by
    then. Python's handlers run on the stack that is set, so the next Ctrl-C, or the end of a child where that is waited
    for, would be a segmentation fault.
    """
    if sys.platform != "linux":
        yield
        return
    before, system = _Stack(), ctypes.CDLL(None, use_errno=True)
    system.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        system.sigaltstack(ctypes.byref(before), None)

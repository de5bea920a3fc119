"""Room in memory."""

import sys
import threading

import numpy as np
import psutil
import pytest

from dssgan.training.memory import return_free_memory

MEGABYTE = 10**6


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps what is free in heaps of threads")
def test_what_threads_have_freed_is_returned() -> None:
    process, kept = psutil.Process(), []

    def work() -> None:
        np.ones(4 * MEGABYTE, np.int8)  # from its size on glibc takes smaller blocks out of its heaps
        blocks = [np.ones(3 * MEGABYTE, np.int8) for _ in range(100)]
        kept.append(np.ones(2000, np.int8))  # lies on top of them
        del blocks

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    before = process.memory_info().rss
    return_free_memory()
    assert before - process.memory_info().rss > 200 * MEGABYTE

"""The pickle of `dataset.pkl`, read and written without running anything.

pickle's own reader calls any function that the file names. This one keeps its parsing but puts inert markers where a
file names something, and rebuilds by itself the only object there is: a Sample with attributes. So nothing callable is
ever on its stack.
"""

import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

_MAX_BYTES = 64 * 2**20

# what pickle raises where a file ends early or means something else
_BROKEN = (
    pickle.UnpicklingError, struct.error, EOFError, LookupError, TypeError, AttributeError, OverflowError,
    AssertionError,
)  # fmt: skip


class ForbiddenError(Exception):
    """The pickle names something that is neither plain data nor a Sample."""


@dataclass(eq=False)
class PickledSample:
    """A Sample as the first version stored it: attributes and no more."""

    attributes: dict[str, Any] = field(default_factory=dict)


_SAMPLE, _RECONSTRUCTOR, _OBJECT = object(), object(), object()
# how protocols 0 and 1 spell a new instance of a Python class: _reconstructor(Sample, object, None)
_MARKERS = {
    ("copy_reg", "_reconstructor"): _RECONSTRUCTOR,
    ("copyreg", "_reconstructor"): _RECONSTRUCTOR,
    ("__builtin__", "object"): _OBJECT,
    ("builtins", "object"): _OBJECT,
}
_SAMPLE_MODULES = frozenset({"Sample", "__main__", "dssgan.data.sample"})

# plain data, and what a Sample is made with
_ALLOWED = (
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "DICT", "EMPTY_DICT", "SETITEM", "SETITEMS", "GET",
    "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "INST", "OBJ",
    "NEWOBJ", "REDUCE", "BUILD",
)  # fmt: skip


class _PlainUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {}
    # of the base class, whose types do not show it
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    readline: Callable[[], bytes]
    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        # the module may be of any package, such as "dsd.Sample", but not a class that merely ends in the word
        if name == "Sample" and (module in _SAMPLE_MODULES or module.endswith(".Sample")):
            return _SAMPLE
        if (module, name) in _MARKERS:
            return _MARKERS[module, name]
        raise ForbiddenError(f"{module}.{name}")

    def _push_sample(self, kind: Any) -> None:
        if kind is not _SAMPLE:
            raise ForbiddenError("an object that is no Sample")
        self.append(PickledSample())

    def _inst(self) -> None:
        # arguments, if there are any, go with the mark
        module, name = self.readline()[:-1].decode("ascii"), self.readline()[:-1].decode("ascii")
        self.pop_mark()
        self._push_sample(self.find_class(module, name))

    def _obj(self) -> None:
        self._push_sample(self.pop_mark()[0])

    def _newobj(self) -> None:
        self.stack.pop()  # arguments
        self._push_sample(self.stack.pop())

    def _reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if called is not _RECONSTRUCTOR or type(arguments) is not tuple or not arguments:
            raise ForbiddenError("a call")
        self._push_sample(arguments[0])

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is not PickledSample or type(state) is not dict:
            raise ForbiddenError("a state for something that is no Sample")
        target.attributes = state

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._fill(items)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _setitems(self) -> None:
        self._fill(self.pop_mark())

    def _fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            # the hash of a tuple nested a million deep would overflow the stack of the interpreter itself
            if type(target) is not dict or type(key) is not str:
                raise ForbiddenError("a key that is no text")
            target[key] = value


_OWN = {
    "INST": _PlainUnpickler._inst, "OBJ": _PlainUnpickler._obj, "NEWOBJ": _PlainUnpickler._newobj,
    "REDUCE": _PlainUnpickler._reduce, "BUILD": _PlainUnpickler._build, "DICT": _PlainUnpickler._dict,
    "SETITEM": _PlainUnpickler._setitem, "SETITEMS": _PlainUnpickler._setitems,
}  # fmt: skip
for _name in _ALLOWED:
    _code = getattr(pickle, _name)[0]
    _PlainUnpickler.dispatch[_code] = _OWN.get(_name, pickle._Unpickler.dispatch[_code])


def parse(path: Path) -> Any:
    """Read a pickle of plain data and Samples, of Python 2 or 3.

    Args:
        path: the file.

    Returns:
        Dicts with text keys, lists, tuples, numbers, text and PickledSample.

    Raises:
        ForbiddenError: it names anything else, which the message states.
        ValueError: it is broken, or larger than any list of songs is.
        OSError: it cannot be read.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES // 2**20} MiB")
    try:
        # latin1 never fails on Python 2's byte strings; whoever wants UTF-8 encodes back
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (ForbiddenError, OSError):
        raise
    except KeyError as error:
        raise ValueError("an operation that plain data does not need") from error
    except _BROKEN as error:
        raise ValueError("truncated or no pickle") from error
    except (MemoryError, RecursionError) as error:
        raise ValueError("too large") from error

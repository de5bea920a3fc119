"""Change the code in small ways that are wrong, and see whether a test notices.

    make mutants                                   # 60 of them, about half an hour on two cores
    python tools/mutants.py --num 200 --seed 1     # others, and more

Each mutant is one change in a copy of the package: a comparison turned, an operator or a number replaced, a condition
negated, a statement left out. The tests of that file are run on it until one fails. What survives is printed with its
place; some survivors change nothing that matters, the others show what no test looks at. Ends with exit code 1 where
more than one in ten survives.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_SURVIVORS = 0.1
_PASSED, _FAILED, _NOT_COLLECTED = 0, 1, (2, 4)  # pytest's exit codes
SECONDS = 300

_TRAINING = ("tests/training/test_gan.py", "tests/training/test_phases.py")
_ENSEMBLING = ("tests/ensembling",)
# What is mutated, and the tests that look at it.
TARGETS: dict[str, tuple[str, ...]] = {
    "dssgan/data/pairing.py": (
        "tests/data/test_excerpts.py",
        "tests/data/test_joined.py",
        "tests/synthesis/test_songs.py",
    ),
    "dssgan/training/gan.py": (*_TRAINING, "tests/training/test_micro_batches.py", "tests/adversarial/test_balance.py"),
    "dssgan/training/phases.py": (*_TRAINING, "tests/training/test_self_boost.py"),
    "dssgan/training/validation.py": ("tests/training/test_validation.py", *_TRAINING),
    "dssgan/training/checkpoint.py": ("tests/training/test_phases.py",),
    "dssgan/training/schedules.py": ("tests/training/test_schedules.py",),
    "dssgan/training/resume.py": ("tests/training/test_resume.py",),
    "dssgan/training/micro_batches.py": ("tests/training/test_micro_batches.py",),
    "dssgan/adversarial/critics_loss.py": ("tests/adversarial", "tests/training/test_gan.py"),
    "dssgan/adversarial/losses.py": ("tests/adversarial",),
    "dssgan/losses/snr.py": ("tests/losses",),
    "dssgan/losses/supervised.py": ("tests/losses",),
    "dssgan/losses/additivity.py": ("tests/losses",),
    "dssgan/adversarial/critic_augment.py": ("tests/adversarial",),
    "dssgan/ensembling/products.py": _ENSEMBLING,
    "dssgan/ensembling/fitting.py": _ENSEMBLING,
    "dssgan/ensembling/product_scores.py": _ENSEMBLING,
    "dssgan/ensembling/build.py": _ENSEMBLING,
    "dssgan/separators/ensemble.py": (*_ENSEMBLING, "tests/separators/test_ensemble.py"),
    "dssgan/inference/level.py": ("tests/inference/test_level.py",),
    "dssgan/evaluation/statistics.py": ("tests/evaluation/test_statistics.py",),
    "dssgan/evaluation/frame.py": ("tests/evaluation/test_frame.py",),
    "dssgan/evaluation/museval_store.py": ("tests/evaluation/test_museval_store.py",),
    "dssgan/tuning/search/rungs.py": ("tests/tuning/search/test_rungs.py",),
    "dssgan/data/guard.py": ("tests/data/test_guard.py",),
    "dssgan/data/seen_recordings.py": ("tests/data/test_guard.py",),
}

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
# Where a change shows in words, types or defaults alone.
_SKIPPED = (ast.JoinedStr, ast.Raise, ast.Assert, ast.arguments, ast.AnnAssign, ast.Import, ast.ImportFrom)
# Arguments that only matter where something else is wrong already.
_HARMLESS = ("strict", "frozen", "exist_ok", "missing_ok", "deepcopy")


@dataclass(frozen=True)
class Mutant:
    """One change.

    Args:
        file: relative to the root.
        line: where.
        what: the change, for people.
        text: of the changed file.
    """

    file: str
    line: int
    what: str
    text: str


def mutants_of(file: str) -> Iterator[Mutant]:
    """Make every mutant of a file."""
    source = (ROOT / file).read_text(encoding="utf-8")
    count = len(list(_places(ast.parse(source))))
    for index in range(count):
        tree = ast.parse(source)
        node, change = list(_places(tree))[index]
        before = ast.unparse(node)
        line = getattr(node, "lineno", 0)
        after = change()
        yield Mutant(file, line, f"{before.splitlines()[0][:70]}  ->  {after}", ast.unparse(tree))


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], str]]]:
    """Find what can be changed; the function changes it in place and says how."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _SKIPPED) or (isinstance(node, ast.keyword) and node.arg in _HARMLESS):
            continue
        yield from _changes(node)
        yield from _places(node)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], str]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        yield node, lambda: _set(node, "ops", [_SWAPS[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _SWAPS and not _is_path(node):
        yield node, lambda: _set(node, "op", _SWAPS[type(node.op)]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node, lambda: _become(node, node.operand)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield node, lambda: _set(node, "value", node.value + 1 if node.value in (0, 1) else node.value * 2)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield node, lambda: _set(node, "value", not node.value)
    if isinstance(node, ast.If | ast.IfExp):
        yield node.test, lambda: _set(node, "test", ast.UnaryOp(ast.Not(), copy.deepcopy(node.test)))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, lambda: _become(node, ast.Pass())


def _is_path(node: ast.AST) -> bool:
    # a path times a name fails at once, which would only flatter the tests
    return isinstance(node, ast.BinOp) and any(word in ast.unparse(node.left) for word in ("folder", "path"))


def _set(node: ast.AST, name: str, value: object) -> str:
    setattr(node, name, value)
    return ast.unparse(ast.fix_missing_locations(node)).splitlines()[0][:70]


def _become(node: ast.AST, other: ast.AST) -> str:
    kept = {field: getattr(node, field) for field in ("lineno", "col_offset") if hasattr(node, field)}
    node.__class__ = other.__class__
    node.__dict__.clear()
    node.__dict__.update({**vars(other), **kept})
    return ast.unparse(node).splitlines()[0][:70]


def survives(mutant: Mutant) -> bool:
    """Whether all tests pass on a mutant. One on which they hang, which nobody would overlook, does not survive.

    Raises:
        SystemExit: the tests were not run.
    """
    return run_tests(TARGETS[mutant.file], mutant) == _PASSED


def run_tests(tests: Sequence[str], mutant: Mutant | None = None) -> int:
    """Run tests on a copy of the package.

    Args:
        tests: files and folders of tests, relative to the root.
        mutant: what is changed in the copy; None for nothing.

    Returns:
        0 where they pass and 1 where one fails or hangs.

    Raises:
        SystemExit: anything else came of it, such as a test file that is not there.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copied = Path(name)
        for part in ("dssgan", "tests", "ensembles", "search_spaces", "docs"):
            shutil.copytree(ROOT / part, copied / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copied)
        if mutant is not None:
            (copied / mutant.file).write_text(mutant.text, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": name, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        try:
            done = subprocess.run(
                command, cwd=copied, env=environment, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return _FAILED
    # a mutant that cannot be imported keeps tests from being collected, which is noticed as well
    if done.returncode not in (_PASSED, _FAILED) and not (mutant is not None and done.returncode in _NOT_COLLECTED):
        sys.exit(f"pytest {' '.join(tests)} ended with {done.returncode}:\n{done.stdout.decode()[-2000:]}")
    return min(done.returncode, _FAILED)


def main() -> None:
    """Draw mutants, test them, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="of the targets; all by default", default=list(TARGETS))
    parser.add_argument("--num", type=int, default=60, help="mutants in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    everything = [mutant for file in arguments.files for mutant in mutants_of(file)]
    drawn = random.Random(arguments.seed).sample(everything, min(arguments.num, len(everything)))
    for test in dict.fromkeys(test for mutant in drawn for test in TARGETS[mutant.file]):
        if run_tests([test]) != _PASSED:
            sys.exit(f"{test}: fails on the code as it is, so that nothing can be said of mutants")
    survivors: list[Mutant] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done, (mutant, alive) in enumerate(zip(drawn, pool.map(survives, drawn), strict=True), 1):
            if alive:
                survivors.append(mutant)
                print(f"survived  {mutant.file}:{mutant.line}  {mutant.what}", flush=True)
            print(f"{done} of {len(drawn)}, {len(survivors)} survived", end="\r", file=sys.stderr, flush=True)
    print(f"\n{len(survivors)} of {len(drawn)} mutants survived ({len(everything)} can be made)")
    sys.exit(len(survivors) > MAX_SURVIVORS * len(drawn))


if __name__ == "__main__":
    main()

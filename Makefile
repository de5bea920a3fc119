# make demo          set everything up, then run the main job on the bundled real songs
# make test          set everything up, then pass the tests but for the slow ones (minutes)
# make test-slow     set everything up, then pass the tests that kill processes, start several or run whole commands
# make test-cluster  set everything up, then pass the tests that take whole machines (as root, minutes)
# make test-faults   set everything up, then kill, damage and disconnect sweeps at random and count what is lost (two hours)
# make soak          set everything up, then disturb a sweep for an hour and see that nothing is lost and no memory grows
# make lint          set everything up, then check style, types and the layers
# make instruments   install everything that synthetic songs can be played on (Debian packages, 400 MB)
# make bench         print the benchmarks' tables
# make mutants       print the wrong changes to the code that no test notices (a quarter of an hour)

BIN := .venv/bin

.PHONY: demo test test-slow test-cluster test-faults soak lint instruments bench mutants format clean

# One thread a process: the tests themselves run in two.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 RAY_worker_niceness=0 $(BIN)/python -m pytest -n 2 --dist loadgroup

demo: .venv/.demo
	$(BIN)/dssgan demo

test: .venv/.ready
	@command -v chromedriver >/dev/null || ./tools/for_tests.sh browser || \
		echo "Without a browser its tests are skipped."
	$(PYTEST) -m "not slow and not cluster and not faults"

test-slow: .venv/.ready
	@ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || ./tools/for_tests.sh database || \
		echo "Without PostgreSQL its tests are skipped."
	$(PYTEST) -m slow

test-cluster: .venv/.ready
	@PATH=$$PATH:/usr/sbin; command -v sshd >/dev/null && command -v rsync >/dev/null && command -v ip >/dev/null || \
		./tools/for_tests.sh hosts || echo "Without these the tests of two hosts are skipped."
	$(BIN)/python -m pytest -m cluster --durations=0 -s -rs

test-faults: .venv/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults -rs

soak: .venv/.ready
	$(BIN)/python tests/faults/soak.py

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

instruments:
	./tools/instruments.sh

bench: .venv/.ready
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/separate.py
	$(BIN)/python benchmarks/ensemble.py
	$(BIN)/python benchmarks/postprocess.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/synthesis.py

mutants: .venv/.ready
	$(BIN)/python tools/mutants.py

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo runs sweeps separated results

# The stamps are written last, so an installation that was cut short starts again.
.venv/.ready: pyproject.toml constraints.txt tools/setup.sh
	./tools/setup.sh dev
	touch $@ .venv/.demo

.venv/.demo: pyproject.toml constraints.txt tools/setup.sh
	./tools/setup.sh report
	touch $@

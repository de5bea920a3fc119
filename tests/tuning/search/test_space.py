"""Search spaces: what is shipped and what is refused."""

import pickle
from pathlib import Path

import optuna
import pytest

from dssgan.errors import ConfigError
from dssgan.tuning.search.space import SearchSpace, combine, find_space, shipped_spaces


@pytest.mark.parametrize("name", ["quick", "paper", "full", "gpu"])
def test_shipped_spaces_draw_settings_that_fit(name: str) -> None:
    assert name in shipped_spaces()
    configs = find_space(name).check({})
    assert len({config.phase_two.alpha for config in configs}) > 1


def test_all_that_the_demo_draws_acts() -> None:
    for config in find_space("quick").check({}):
        # where the rest is what drums leave of the mix, beta has nothing to act on
        assert config.build_separator().arguments["heads"] == "independent"
        assert config.phase_two.beta > 0
        assert config.phase_two.alpha > 0
    drawn = find_space("quick").check({})
    assert len({config.phase_two.consistency for config in drawn}) == 3
    assert len({config.phase_one.separator.arguments["n_fft"] for config in drawn}) == 2


def test_the_paper_has_its_own_rate() -> None:
    assert {config.build_separator().arguments["sample_rate"] for config in find_space("paper").check({})} == {8192}


def test_given_settings_win() -> None:
    configs = find_space("quick").check({"steps_per_epoch": 1, "separator": {"n_fft": 16384}, "alpha": 0.25})
    assert {config.phase_one.steps_per_epoch for config in configs} == {1}
    assert {config.phase_two.alpha for config in configs} == {0.25}
    assert {config.phase_one.separator.arguments["n_fft"] for config in configs} == {16384}


def test_a_space_survives_pickling() -> None:
    space = pickle.loads(pickle.dumps(find_space("quick")))  # noqa: S301  what this test wrote itself
    assert "steps_per_epoch" in space(optuna.create_study().ask())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"no function space\(trial\)"),
        ("space = 3", r"no function space\(trial\)"),
        ("def space(trial:", "SyntaxError"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("def space(trial): return {'alhpa': 1}", "did you mean alpha"),
        ("def space(trial): trial.suggest_float('separator.num_layerz', 0, 1)", "did you mean num_layers"),
        ("def space(trial): return 1 / 0", "ZeroDivisionError"),
        ("def space(): return {}", "TypeError"),
        (
            "def space(trial): trial.suggest_categorical('monitor', ['usdr', 'si_sar'])",
            r"draws monitor \(si_sar, usdr\)",
        ),
        ("def space(trial): trial.suggest_int('validation_seconds', 10, 20)", "draws validation_seconds"),
        (
            "def space(trial): trial.suggest_categorical('separator.sample_rate', [22050, 44100])",
            "separators of 22050, 44100 Hz, .* add score_rate=44100",
        ),
        ("import optuna\ndef space(trial): raise optuna.TrialPruned", "raises TrialPruned for each of 1000 draws"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        SearchSpace.load(file).check({})
    assert "mine.py" in str(caught.value)


def test_missing_files_and_names_are_named() -> None:
    with pytest.raises(ConfigError, match="did you mean quick"):
        find_space("quik")
    with pytest.raises(ConfigError, match=r"missing\.py"):
        find_space("missing.py")


def test_combine_lays_given_settings_over_drawn_ones() -> None:
    drawn = {"separator.name": "unet", "separator.num_layers": 3, "alpha": 0.1}
    separator = {"name": "unet", "num_layers": 3}
    assert combine({"alpha": 0.5}, drawn) == {"phase_two": {"alpha": 0.5}, "phase_one": {"separator": separator}}


def test_settings_for_all_trials_decide_what_is_compared() -> None:
    rates = SearchSpace("s.py", "def space(trial): trial.suggest_categorical('separator.sample_rate', [22050, 44100])")
    assert {config.phase_one.score_rate for config in rates.check({"score_rate": 44100})} == {44100}
    monitors = SearchSpace("s.py", "def space(trial): trial.suggest_categorical('monitor', ['usdr', 'si_sar'])")
    assert {config.phase_one.monitor for config in monitors.check({"monitor": "usdr"})} == {"usdr"}


def test_draws_that_the_space_forbids_are_passed_over() -> None:
    space = SearchSpace(
        "s.py",
        "import optuna\ndef space(trial):\n"
        "    if trial.suggest_float('alpha', 0, 1) > 0.2:\n        raise optuna.TrialPruned\n",
    )
    configs = space.check({})
    assert len(configs) == 20
    assert max(config.phase_two.alpha for config in configs) <= 0.2

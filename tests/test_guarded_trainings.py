"""The guard in every notebook of the evaluation set: it names the bugs, and is silent about twins and healthy ones.

    PYTHONPATH=tests python tests/test_guarded_trainings.py      prints the table

Each runs in an IPython shell with the guard on from the first cell on. What they print is checked, too: a guard that
changed a training would be seen.
"""

from __future__ import annotations

import pytest
from examples import Spot, parse, spot
from trainings import BUGS, HEALTHY, Training, Verdict, judge, load, paths, score

from tinyguard.finding import Severity

pytest.importorskip("torch")
pytest.importorskip("IPython")

from live_examples import executed

pytestmark = pytest.mark.slow

WITH_BUG = {training.name: training for training in map(load, paths(BUGS))}
WELL = {training.name: training for training in map(load, paths(HEALTHY))}

# Bugs whose cause the guard does not name yet, or names at another line.
MISSED = set(
    """
    accumulation_cleared_each_batch attention_over_the_batch average_never_updated
    backbone_unfrozen_too_late clipped_before_unscaled discriminator_steps_the_generator
    dropout_never_off error_of_all_pairs everything_frozen features_detached labels_permuted
    left_over_subset loss_made_anew_from_its_number normalised_over_the_batch
    optimizer_of_the_uncopied_model probabilities_into_kl_div recurrence_along_the_batch
    scheduler_of_the_first_optimizer slow_data_set step_outside_of_the_loop tied_weights_untied
    """.split()
)

# Findings beside the expected one: true of the program as well, or the cause at a line that is not the expected one.
BESIDE: dict[str, set[str]] = {
    "optimizer_of_the_uncopied_model": {"TNY501"},  # at the step, not at the copy
    "same_noise_in_every_worker": {"TNY215"},  # so that training and evaluation share samples
    "step_outside_of_the_loop": {"TNY504"},  # at backward()
}


def told(text: str) -> set[Spot]:
    found = executed(parse(text)).findings
    return {spot(finding.code, finding.place) for finding in found if finding.severity > Severity.NOTE}


def verdict(training: Training) -> Verdict:
    return judge(training, told(training.bug))


@pytest.mark.parametrize("name", sorted(WITH_BUG.keys() - MISSED))
def test_the_guard_names_the_bug_at_its_line(name: str) -> None:
    training = WITH_BUG[name]
    found = verdict(training)
    assert found.hits
    assert {code for code, _, _ in found.others} <= BESIDE.get(name, set())
    printed = score(executed(parse(training.bug)).printed)
    assert training.harm is None or (printed is not None and training.harm.holds(printed))


@pytest.mark.parametrize("name", sorted(MISSED))
def test_a_bug_that_is_not_named_yet_gives_no_false_cause(name: str) -> None:
    found = verdict(WITH_BUG[name])
    assert not found.hits, "named now: take it off the list"
    assert {code for code, _, _ in found.others} <= BESIDE.get(name, set())


@pytest.mark.parametrize("name", sorted(WITH_BUG | WELL))
def test_the_guard_is_silent_about_what_is_right(name: str) -> None:
    training = (WITH_BUG | WELL)[name]
    assert {one for one in told(training.twin) if one[0] not in training.also} == set()
    printed = score(executed(parse(training.twin)).printed)
    assert training.score is not None
    assert printed is not None
    assert training.score.holds(printed)


def main() -> None:
    named = {name: bool(verdict(training).hits) for name, training in sorted(WITH_BUG.items())}
    prompt = [name for name, training in WITH_BUG.items() if training.prompt]
    for name, hit in named.items():
        codes = " or ".join(WITH_BUG[name].expected)
        print(f"{name:44}{codes:20}{'' if WITH_BUG[name].prompt else 'later':8}{'named' if hit else 'MISSED'}")
    alarms = [name for name, training in (WITH_BUG | WELL).items() if told(training.twin) - {("", None, 0)}]
    print(f"named: {sum(named.values())} of {len(named)}; of those provable in three steps: ", end="")
    print(f"{sum(named[name] for name in prompt)} of {len(prompt)}")
    print(f"right ones with a finding: {len(alarms)} of {len(WITH_BUG | WELL)} {' '.join(alarms)}")


if __name__ == "__main__":
    main()

"""Means over seeds, paired tests, Holm's correction and numbers of seeds, against scipy and plain loops."""

import math

import pytest
import torch
from scipy import stats

from cutmix_transforms._commands._compare._statistics import (
    Difference,
    Mean,
    beyond_noise,
    differences,
    holm,
    student_bound,
)


@pytest.mark.parametrize("count", range(2, 9))
def test_the_noise_is_that_of_a_paired_t_test(count):
    assert student_bound(count - 1) == pytest.approx(stats.t.ppf(0.975, count - 1), rel=1e-9)
    for shift in (0.0, 0.5, 1.0, 3.0, 9.0):
        first = (torch.randn(count, dtype=torch.float64) + shift).tolist()
        second = torch.randn(count, dtype=torch.float64).tolist()
        test = stats.ttest_rel(first, second)
        found = Difference.of(first, second)
        assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert found.p_value == pytest.approx(test.pvalue, abs=1e-12)
    assert Mean.of(first).deviation == pytest.approx(torch.tensor(first).std().item())


def test_one_seed_and_equal_differences_are_no_division_by_zero():
    one = Difference.of([3.0], [1.0])
    assert (one.mean, one.interval, one.p_value, one.seeds_for_half) == (2.0, None, None, None)
    equal = Difference.of([3.0, 4.0], [1.0, 2.0])
    assert (equal.interval, equal.p_value, equal.seeds_for_half) == ((2.0, 2.0), 0.0, 3)
    assert Difference.of([3.0, 4.0], [3.0, 4.0]).p_value == 1.0


def test_holms_correction_is_the_step_down_of_the_paper():
    values = {"a": 0.02, "b": 0.011, "c": 0.9, "d": 0.03}
    # The smallest times 4, the next times 3 and so on, never less than the one before and never above 1.
    assert holm(values) == pytest.approx({"b": 0.044, "a": 0.06, "d": 0.06, "c": 0.9})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_so_many_seeds_find_half_of_a_difference_four_times_of_five():
    found = Difference(1.0, 0.5, 5)
    count = found.seeds_for_half

    def power(count):
        effect = 0.5 / 0.5 * math.sqrt(count)
        bound = stats.t.ppf(0.975, count - 1)
        return stats.nct.sf(bound, count - 1, effect) + stats.nct.cdf(-bound, count - 1, effect)

    assert power(count) >= 0.79  # by the noncentral distribution, which the formula comes close to
    assert power(count - 2) < 0.8
    assert Difference(1e-6, 0.5, 5).seeds_for_half is None


def test_differences_go_by_seed_and_need_three_of_them():
    values = {"none": {0: 0.1, 1: 0.2, 2: 0.4}, "cutmix": {0: 0.2, 1: 0.4, 7: 9.0}, "mixup": {9: 0.1}}
    found = differences(values, "none")
    assert found.keys() == {"cutmix"}
    assert (found["cutmix"].mean, found["cutmix"].count) == (pytest.approx(0.15), 2)
    sure = {"a": Difference(-1.0, 0.01, 3), "b": Difference(-1.0, 0.0001, 2), "c": Difference(1.0, 9.0, 3)}
    assert beyond_noise(sure).keys() == {"a"}
    # Beyond the noise alone, but not as one of three.
    alone = Difference(-1.0, 0.35, 3)
    assert alone.p_value < 0.05
    assert beyond_noise({"a": alone}).keys() == {"a"}
    assert not beyond_noise({"a": alone, "b": alone, "c": sure["c"]})

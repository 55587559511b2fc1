"""Sentences that say what the runs of a comparison show, and what they cannot show."""

import math
import statistics

from cutmix_transforms._commands._compare._markdown import markdown
from cutmix_transforms._commands._compare._mixes import NONE
from cutmix_transforms._commands._compare._results import Results, values_of
from cutmix_transforms._commands._compare._statistics import (
    FEWEST,
    MOST_SEEDS,
    ByMix,
    Difference,
    beyond_noise,
    differences,
    holm,
)

LEAST = 0.0001  # p-value that is written out
NEAR = 0.9  # of the error of a guess


def verdicts(results: Results, epochs: int) -> list[str]:
    """Return a sentence for each mix, what it did to the error and whether that is more than noise, and warnings."""
    errors = values_of(results, "error", epochs)
    return [*_compared(results, epochs), *_diverged(results, epochs), *_near_chance(results, errors)]


def _compared(results: Results, epochs: int) -> list[str]:
    errors = values_of(results, "error", epochs)
    if NONE not in errors:
        return ["Without a finished run of `none` there is nothing to compare with."]
    found = differences(errors, NONE)
    if not found:
        return ["There is only `none`."]
    lines = [_sentence(mix, found) for mix in found]
    most = max(one.count for one in found.values())
    if most < FEWEST:
        seeds = "One seed is" if most == 1 else "Two seeds are"
        lines.append(f"{seeds} too few to tell a difference from noise, and nothing gets a star: see --seeds.")
    return lines


def _sentence(mix: str, found: dict[str, Difference]) -> str:
    one = found[mix]
    what = f"{markdown(mix)}: error {100 * one.mean:+.2f} points"
    if one.interval is None:
        return f"{what}, from one seed."
    low, high = (100 * end for end in one.interval)
    judged = f"{what} (95 % CI {low:+.2f} to {high:+.2f}): {_judgment(mix, found)}"
    if one.count < FEWEST:
        return f"{judged}."
    needed = f"more than {MOST_SEEDS}" if one.seeds_for_half is None else str(one.seeds_for_half)
    return f"{judged}; to see half of that would take {needed} seeds."


def _judgment(mix: str, found: dict[str, Difference]) -> str:
    one = found[mix]
    sure = beyond_noise(found)
    low, high = one.interval or (-math.inf, math.inf)
    if mix in sure:
        p_value = f"p = {sure[mix]:.2g}" if sure[mix] >= LEAST else f"p < {LEAST}"
        return f"{'less' if one.mean < 0 else 'more'} than none, beyond the noise ({p_value})"
    if low <= 0 <= high:
        return "within noise"
    if one.count < FEWEST:
        return "two seeds cannot tell this from noise"
    corrected = holm({name: other.p_value for name, other in found.items() if other.p_value is not None})
    return f"within noise, as {len(corrected)} mixes are compared (p = {corrected[mix]:.2g})"


def _diverged(results: Results, epochs: int) -> list[str]:
    lines = []
    for mix in results["mixes"]:
        runs = [run for run in results["runs"] if run["mix"] == mix and run["epochs"] == epochs]
        lost = [run["diverged"] for run in runs if run["diverged"] is not None]
        if lost:
            at = f"epoch {min(lost)}" + (f" to {max(lost)}" if max(lost) > min(lost) else "")
            lines.append(f"{markdown(mix)}: {len(lost)} of {len(runs)} runs diverged, at {at}, and are left out.")
    return lines


def _near_chance(results: Results, errors: ByMix) -> list[str]:
    guess = 1 - results["data"]["most_frequent"]
    means = {mix: statistics.fmean(values.values()) for mix, values in errors.items()}
    found = [f"{markdown(mix)} ({100 * mean:.1f} %)" for mix, mean in means.items() if mean > NEAR * guess]
    if not found:
        return []
    guessing = f"Always naming the most frequent class has an error of {100 * guess:.1f} %"
    return [f"Hardly better than guessing: {', '.join(found)}. {guessing}. Train for longer before you compare."]

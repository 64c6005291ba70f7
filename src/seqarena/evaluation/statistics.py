"""Which differences between variants are more than the luck of seeds and of the test examples.

A score is known per seed and per test example, and both are samples: other seeds, or another
test set, would have given other numbers. The test that decides the verdict counts both. Seeds and
examples are crossed (every seed is tested on every example), so the variance of a mean paired
difference is estimated as the variance over seeds plus the variance over examples, with
Satterthwaite's degrees of freedom: the min F' of Clark (1973, "The language-as-fixed-effect
fallacy", Journal of Verbal Learning and Verbal Behavior 12:335-359), after Satterthwaite (1946,
Biometrics Bulletin 2:110-114).

Why not one of the simpler ways, with three seeds: a t-test over seeds alone takes the test set for
the population and covers the true difference far too seldom when it is small; the percentile
bootstrap over seeds and examples (Owen 2007, "The pigeonhole bootstrap", Annals of Applied
Statistics 1:386-411) covers it too seldom when seeds matter most, since three values resampled
cannot show how far a fourth would lie. min F' keeps its 95 % in both cases and errs on the careful
side in between. The bootstrap, with seeds rescaled by sqrt(k / (k - 1)) (Rao and Wu 1988, JASA
83:231-241), answers what a test cannot: how often each variant would have come out on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

from seqarena.errors import InputError
from seqarena.records import ALPHA, Comparison, Interval, Pair

DRAWS = 2000
CHUNK = 4_000_000  # resampled examples held at once: 32 MB
NOISE = 1e-12  # of the largest difference: below it, a spread is rounding

Floats = NDArray[np.float64]


def best_of(values: Mapping[str, float], greater_is_better: bool) -> str:
    """Name the best of some values, of equal ones the first."""
    return (max if greater_is_better else min)(values, key=lambda name: values[name])


def mean_interval(
    values: Sequence[float], bounds: Interval = (-np.inf, np.inf)
) -> tuple[float, Interval]:
    """Return the mean over seeds and its 95 % t interval; values ``(seeds,)``, at least two.

    What lies beyond `bounds`, in either order, is no possible mean: the interval ends there.
    """
    seeds = np.asarray(values, dtype=np.float64)
    if len(seeds) < 2 or not np.isfinite(seeds).all():
        raise InputError(f"values over seeds: expected two or more finite numbers, found {values}")
    mean = float(seeds.mean())
    error = seeds.std(ddof=1) / np.sqrt(len(seeds))
    half = float(stdtrit(len(seeds) - 1, 1 - ALPHA / 2) * error)
    low, high = sorted(bounds)
    return mean, (max(low, mean - half), min(high, mean + half))


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number: Holm (1979), Scand. J. Statistics 6:65-70."""
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


def hedges_g(differences: Floats) -> float | None:
    """Return the mean of paired differences ``(seeds,)`` in their own standard deviations.

    Corrected for few pairs: Hedges (1981), Journal of Educational Statistics 6:107-128. It is 0
    where nothing differs, and None where the seeds differ from the reference all by the same.
    """
    spread = _unless_noise(float(differences.std(ddof=1)), differences)
    if spread == 0:
        return 0.0 if not differences.any() else None
    return float(differences.mean() / spread * (1 - 3 / (4 * (len(differences) - 1) - 1)))


def crossed_error(differences: Floats) -> tuple[float, float]:
    """Return standard error and degrees of freedom of the mean of ``(seeds, examples)``.

    The terms of min F': variance over seeds and variance over examples, added. What seed and
    example do together is counted in both, so the error is never too small for it.
    """
    seeds, examples = differences.shape
    parts = [(differences.mean(axis=1), seeds), (differences.mean(axis=0), examples)]
    variances = [
        (_unless_noise(float(means.std(ddof=1)), differences) ** 2 / count, count - 1)
        for means, count in parts
        if count > 1
    ]
    total = sum(variance for variance, _ in variances)
    if total == 0:
        return 0.0, float(seeds - 1)
    return total**0.5, total**2 / sum(variance**2 / free for variance, free in variances)


def compare(
    scores: Mapping[str, Floats],
    greater_is_better: bool,
    seed: int,
    baselines: Mapping[str, Floats | float] | None = None,
    groups: Sequence[int | str] | None = None,
) -> Comparison:
    """Compare variants by paired scores per seed and test example.

    Shapes: scores ``(seeds, N)`` each, seeds and examples in the same order for all; baselines
    ``(N,)``, or one number taken as exactly known; groups ``(N,)``: examples that are not
    independent (one speaker, one day) and count as one draw. Raises `InputError` for shapes that
    differ, fewer than two seeds, or a score that is not finite.
    """
    _check(scores, baselines or {}, groups)
    units = {name: _per_group(values, groups) for name, values in scores.items()}
    sign = 1 if greater_is_better else -1
    ranked = sorted(units, key=lambda name: -sign * units[name].mean())
    best = ranked[0]
    pairs = _family({name: units[name] - units[best] for name in ranked[1:]})
    length = len(next(iter(scores.values()))[0])
    references = {
        name: _per_group(np.broadcast_to(values, (1, length)), groups)
        for name, values in (baselines or {}).items()
    }
    return Comparison(
        best=best,
        best_set=(best, *(name for name, pair in pairs.items() if not pair.detectable)),
        pairs=pairs,
        baselines={
            name: _family({variant: units[variant] - reference for variant in ranked})
            for name, reference in references.items()
        },
        top_share=_top_share({name: sign * units[name] for name in ranked}, seed),
    )


def _check(
    scores: Mapping[str, Floats],
    baselines: Mapping[str, Floats | float],
    groups: Sequence[int | str] | None,
) -> None:
    if not scores:
        raise InputError("scores: expected at least one variant, found none")
    first, expected = next((name, np.shape(values)) for name, values in scores.items())
    if len(expected) != 2 or expected[0] < 2 or expected[1] < 1:
        raise InputError(f"scores.{first}: expected (2 or more seeds, examples), found {expected}")
    for name, values in scores.items():
        if np.shape(values) != expected:
            raise InputError(
                f"scores.{name}: expected {expected} as {first} has, found {np.shape(values)}"
            )
    for name, reference in baselines.items():
        if np.shape(reference) not in {(), expected[1:]}:
            raise InputError(
                f"baselines.{name}: expected {expected[1:]}, found {np.shape(reference)}"
            )
    for name, numbers in [*scores.items(), *baselines.items()]:
        if not np.isfinite(numbers).all():
            raise InputError(f"scores.{name}: expected finite numbers, found nan or inf")
    if groups is not None and len(groups) != expected[1]:
        raise InputError(f"groups: expected {expected[1]}, one per example, found {len(groups)}")


def _per_group(values: Floats, groups: Sequence[int | str] | None) -> Floats:
    """Turn ``(seeds, N)`` into one independent unit per group, ``(seeds, G)``, of the same mean.

    Groups of unequal size make the mean a ratio of sums; a unit is its linear approximation.
    """
    scores: Floats = np.asarray(values, dtype=np.float64)
    if groups is None:
        return scores
    labels, index = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(index)
    sums = np.stack([np.bincount(index, weights=row) for row in scores])
    means = scores.mean(axis=1, keepdims=True)
    units: Floats = means + (sums - sizes * means) * len(labels) / scores.shape[1]
    return units


def _family(differences: dict[str, Floats]) -> dict[str, Pair]:
    """Test each mean difference, corrected for the number of tests in the family."""
    tests = {name: _test(values) for name, values in differences.items()}
    corrected = holm([test["p"] for test in tests.values()])
    return {
        name: Pair(**test, p_holm=p_holm)
        for (name, test), p_holm in zip(tests.items(), corrected, strict=True)
    }


def _test(differences: Floats) -> dict[str, Any]:
    mean = float(differences.mean())
    error, free = crossed_error(differences)
    half = float(stdtrit(free, 1 - ALPHA / 2)) * error
    per_seed = differences.mean(axis=1)
    spread = _unless_noise(float(per_seed.std(ddof=1)), differences)
    return {
        "difference": mean,
        "ci95": (mean - half, mean + half),
        "p": _two_sided(mean, error, free),
        "p_seeds": _two_sided(mean, spread / len(per_seed) ** 0.5, len(per_seed) - 1),
        "effect_size": hedges_g(per_seed),
    }


def _two_sided(mean: float, error: float, free: float) -> float:
    if error == 0:  # nothing varies: equal, or different for certain
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(free, -abs(mean) / error))


def _unless_noise(spread: float, differences: Floats) -> float:
    return 0.0 if spread <= NOISE * float(np.abs(differences).max()) else spread


def _top_share(scores: dict[str, Floats], seed: int) -> dict[str, float]:
    """Resample seeds and examples together and count who leads; ties are shared out."""
    stacked = np.stack(list(scores.values()))  # (variants, seeds, examples)
    variants, seeds, examples = stacked.shape
    flat = stacked.reshape(variants * seeds, examples).T
    leads = np.zeros(variants)
    for example_counts, seed_counts in _resamplings(examples, seeds, seed):
        per_seed = (example_counts @ flat / examples).reshape(-1, variants, seeds)
        weights = 1 / seeds + (seeds / (seeds - 1)) ** 0.5 * (seed_counts / seeds - 1 / seeds)
        means = np.einsum("dvs,ds->dv", per_seed, weights)
        top = means >= means.max(axis=1, keepdims=True) - NOISE * np.abs(means).max()
        leads += (top / top.sum(axis=1, keepdims=True)).sum(axis=0)
    return dict(zip(scores, (leads / DRAWS).tolist(), strict=True))


def _resamplings(examples: int, seeds: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield how often each example ``(draws, N)`` and seed ``(draws, seeds)`` is drawn."""
    random = np.random.default_rng(seed)
    chunk = max(1, min(DRAWS, CHUNK // examples))
    for start in range(0, DRAWS, chunk):
        draws = min(chunk, DRAWS - start)
        drawn = random.integers(examples, size=(draws, examples))
        drawn += np.arange(draws)[:, None] * examples
        counts = np.bincount(drawn.ravel(), minlength=draws * examples)
        yield (
            counts.reshape(draws, examples).astype(np.float64),
            random.multinomial(seeds, [1 / seeds] * seeds, size=draws).astype(np.float64),
        )

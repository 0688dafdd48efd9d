"""scikit-learn's checks and our own, on every public estimator; and that none of these nets is switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from crmkit.recommend import ItemCosineRecommender, PopularityRecommender
from crmkit.testing import all_estimators, estimator_checks

#: Checks that an estimator is known to fail, scikit-learn's and ours, each with its reason.
EXPECTED_FAILURES: dict[str, dict[str, str]] = {}

#: How many checks run on each estimator at least: scikit-learn's, and ours. Of an estimator that takes no
#: two-dimensional array scikit-learn checks only that it can be cloned: there ours are the net.
FEWEST: dict[str, tuple[int, int]] = {
    "ConformalRegressor": (1, 13),
    "BetaDiscreteWeibull": (1, 13),
    "BetaGeoBetaBinomial": (1, 13),
    "BetaGeoNBD": (1, 13),
    "CLVEstimator": (1, 13),
    "CLVRegressor": (1, 13),
    "ContentRecommender": (40, 13),
    "GammaGamma": (1, 13),
    "HybridRecommender": (40, 13),
    "EASERecommender": (40, 13),
    "EMASmoother": (40, 13),
    "ItemCosineRecommender": (40, 13),
    "ItemSimilarityRecommender": (40, 13),
    "ModifiedBetaGeoNBD": (1, 13),
    "NaiveValue": (1, 13),
    "ParetoNBD": (1, 13),
    "PopularityRecommender": (40, 13),
    "RFMTransformer": (1, 13),
    "RepeatPurchaseRecommender": (40, 13),
    "ShiftedBetaGeometric": (1, 13),
    "UserCosineRecommender": (40, 13),
}

OURS = 13


#: What an estimator needs to be told that cannot have a default.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "BetaGeoBetaBinomial": {"period": "30D"},
    "BetaDiscreteWeibull": {"start": "order", "end": "cancel"},
    "ContentRecommender": {
        "item_features": {
            "id": list(range(41)),
            "price": [round(1.7 ** (number % 7), 2) for number in range(41)],
            "sort": [("cup", "pot", "tea")[number % 3] for number in range(41)],
            "name": [f"{('red', 'blue', 'green', 'old')[number % 4]} thing" for number in range(41)],
        },
        "item": "id",
        "text": "name",
    },
    "HybridRecommender": {
        "recommenders": [("popularity", PopularityRecommender()), ("item", ItemCosineRecommender())],
        "weights": [0.2, 1.0],
    },
    "ShiftedBetaGeometric": {"start": "order", "end": "cancel"},
}


def instances() -> list[Any]:
    return [estimator(**ARGUMENTS.get(name, {})) for name, estimator in all_estimators()]


def expected_failures(estimator: Any) -> dict[str, str]:
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


def own_checks() -> Iterator[Any]:
    for estimator in instances():
        for name, check in estimator_checks(estimator):
            reason = expected_failures(estimator).get(name)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            yield pytest.param(check, id=f"{type(estimator).__name__}-{name}", marks=marks)


if instances():

    @parametrize_with_checks(instances(), expected_failed_checks=expected_failures)
    def test_scikit_learn(estimator, check):
        check(estimator)


@pytest.mark.parametrize("check", list(own_checks()))
def test_own(check):
    check()


@pytest.mark.parametrize("name", [name for name, _ in all_estimators()])
def test_the_net_is_spread(name):
    """Every estimator is counted here, and runs at least as many checks as it is said to."""
    assert name in FEWEST, f"say in FEWEST how many checks {name} runs"
    estimator = dict(all_estimators())[name]()
    theirs, ours = FEWEST[name]
    assert len(list(estimator_checks_generator(estimator))) - len(expected_failures(estimator)) >= theirs
    assert len(list(estimator_checks(estimator))) >= ours == OURS


def test_nothing_is_expected_of_what_is_not_there():
    names = {name for name, _ in all_estimators()}
    assert FEWEST.keys() == names
    assert EXPECTED_FAILURES.keys() <= names
    for name, failures in EXPECTED_FAILURES.items():
        estimator = dict(all_estimators())[name]()
        known = {check for check, _ in estimator_checks(estimator)}
        known |= {getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(estimator)}
        assert failures.keys() <= known
        assert all(len(reason.split()) > 3 for reason in failures.values())

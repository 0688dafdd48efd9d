from __future__ import annotations

from sklearn.base import BaseEstimator

from crmkit.testing import all_estimators


def test_every_public_estimator_is_found():
    import crmkit

    found = dict(all_estimators())
    assert list(found) == sorted(found)
    assert all(issubclass(estimator, BaseEstimator) for estimator in found.values())
    assert all(estimator.__module__.startswith("crmkit.") for estimator in found.values())
    for name in crmkit._FLAGSHIPS:
        thing = getattr(crmkit, name)
        if isinstance(thing, type) and issubclass(thing, BaseEstimator):
            assert found[name] is thing

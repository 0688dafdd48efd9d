"""The list of crmkit's estimators, found where they are public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import crmkit

__all__ = ["all_estimators"]


def all_estimators() -> list[tuple[str, type]]:
    """List every public estimator of crmkit.

    The rooms are imported one after the other, and what they export is looked through, so that a new
    estimator enters the common tests without being named anywhere.

    Returns
    -------
    list of (str, type)
        Name and class, sorted by name. An estimator is a class that inherits from scikit-learn's
        ``BaseEstimator`` and has ``fit``: what only holds parameters is none.

    See Also
    --------
    estimator_checks : The checks that each of them must pass.

    Examples
    --------
    >>> from crmkit.testing import all_estimators
    >>> all(hasattr(estimator, "fit") for _, estimator in all_estimators())
    True
    """
    from sklearn.base import BaseEstimator

    found = {}
    for module in pkgutil.iter_modules(crmkit.__path__):
        if module.name.startswith("_"):
            continue
        room = importlib.import_module(f"crmkit.{module.name}")
        for name in getattr(room, "__all__", ()):
            thing = getattr(room, name)
            if not inspect.isclass(thing) or inspect.isabstract(thing):
                continue
            if issubclass(thing, BaseEstimator) and hasattr(thing, "fit"):
                found[name] = thing
    return sorted(found.items())

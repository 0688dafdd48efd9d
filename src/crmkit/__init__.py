"""Customer analytics for scikit-learn.

One validated log of what customers did (`EventLog`), snapshots of it that cannot see their own
future, and estimators that read them. This module is only the door: rooms and flagship names are
imported when they are first used, so that ``import crmkit`` costs next to nothing and loads
neither numpy nor pandas, numba or scikit-learn.
"""

# What `typing.TYPE_CHECKING` is, without the milliseconds that importing typing takes.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from crmkit import (
        churn,
        cohorts,
        datasets,
        events,
        exceptions,
        features,
        forecast,
        metrics,
        model_selection,
        plotting,
        recommend,
        report,
        satisfaction,
        smoothing,
        testing,
        value,
    )
    from crmkit.churn import ChurnClassifier
    from crmkit.events import EventLog
    from crmkit.features import RFMTransformer
    from crmkit.recommend import ItemCosineRecommender
    from crmkit.satisfaction import SatisfactionScorer
    from crmkit.smoothing import EMASmoother
    from crmkit.value import CLVEstimator

# Rooms, and the room in which each flagship name lives. A new room is one entry here, one in
# `__all__` and one import above; tests/test_public_api.py sees to it that the three agree.
_ROOMS = frozenset(
    {
        "churn",
        "cohorts",
        "datasets",
        "events",
        "exceptions",
        "features",
        "forecast",
        "metrics",
        "model_selection",
        "plotting",
        "recommend",
        "report",
        "satisfaction",
        "smoothing",
        "testing",
        "value",
    }
)
_FLAGSHIPS = {
    "CLVEstimator": "crmkit.value",
    "ChurnClassifier": "crmkit.churn",
    "EMASmoother": "crmkit.smoothing",
    "EventLog": "crmkit.events",
    "ItemCosineRecommender": "crmkit.recommend",
    "RFMTransformer": "crmkit.features",
    "SatisfactionScorer": "crmkit.satisfaction",
}

__all__ = [
    "CLVEstimator",
    "ChurnClassifier",
    "EMASmoother",
    "EventLog",
    "ItemCosineRecommender",
    "RFMTransformer",
    "SatisfactionScorer",
    "__version__",
    "churn",
    "cohorts",
    "datasets",
    "events",
    "exceptions",
    "features",
    "forecast",
    "metrics",
    "model_selection",
    "plotting",
    "recommend",
    "report",
    "satisfaction",
    "smoothing",
    "testing",
    "value",
]

if not TYPE_CHECKING:  # a type checker that saw these would accept every misspelt name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _ROOMS:
            value = import_module(f"crmkit.{name}")
        elif name in _FLAGSHIPS:
            value = getattr(import_module(_FLAGSHIPS[name]), name)
        elif name == "__version__":
            from importlib.metadata import version

            value = version("crmkit")
        else:
            message = f"module 'crmkit' has no attribute {name!r}"
            raise AttributeError(message, name=name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)

else:
    __version__: str

"""Labels of two classes, and which of them counts: it is known or asked for, never guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from crmkit._validation import warn
from crmkit.exceptions import ParameterError


def two_classes(y: Any, n: int, owner: str, hint: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return one label for each of `n` rows, and both classes in ascending order.

    Parameters
    ----------
    y : array-like of shape (n,)
    n : int
    owner : str
    hint : str
        What to pass, where nothing or something else came.
    """
    if y is None:
        raise ParameterError(f"{owner} requires y to be passed, but the target y is None. {hint}")
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind in "fO" and any(label is None or label != label for label in labels):  # noqa: PLR0124  NaN differs from itself
        raise ParameterError("y holds missing labels (None or NaN). Leave those rows out.")
    if len(labels) != n:
        raise ParameterError(f"y has {len(labels):,} values for the {n:,} rows of X. They must be equally many.")
    check_classification_targets(labels)
    kind = type_of_target(labels, input_name="y", raise_unknown=True)
    classes = np.unique(labels)
    if kind != "binary" or len(classes) > 2:
        raise ParameterError(f"Only binary classification is supported. The type of the target is {kind}. {hint}")
    if len(classes) < 2:
        raise ParameterError("y holds one class only; the classifier learns from two. Take other or more rows.")
    return labels, classes


def label_that_means(meaning: str, classes: NDArray[Any], pos_label: Any, *, bare: bool) -> Any:
    """Return the class that counts: the one that was named, else 1 or True.

    Other labels need `pos_label`; with `bare` arrays, which scikit-learn's own checks pass, it is a warning.
    """
    if pos_label is not None:
        for label in classes if np.ndim(pos_label) == 0 else ():
            # numpy finds no text equal to a number, but says so with a warning.
            if isinstance(label, str) == isinstance(pos_label, str) and label == pos_label:
                return label
        raise ParameterError(
            f"pos_label={pos_label!r} is not one of the labels of y: {classes.tolist()}. Where scikit-learn "
            "makes numbers of labels before it fits, as in cross_val_predict of probabilities, pass y == label."
        )
    if classes.dtype.kind in "biuf" and 1 in classes.tolist():
        return classes[classes.tolist().index(1)]
    said = (
        f"y holds the labels {classes.tolist()}, and which of them means {meaning} is not known. Pass "
        f"pos_label={classes.tolist()[0]!r} or pos_label={classes.tolist()[1]!r}."
    )
    if not bare:
        raise ParameterError(said)
    warn(f"{said} The second one is taken, as scikit-learn does.")
    return classes[1]

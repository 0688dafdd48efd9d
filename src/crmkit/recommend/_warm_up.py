"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from crmkit.events import EventLog
from crmkit.recommend._item_cosine import ItemCosineRecommender
from crmkit.recommend._nearest import Formula, nearest
from crmkit.recommend._nearest_by_bits import nearest_by_bits
from crmkit.recommend._popularity import PopularityRecommender
from crmkit.recommend._repeat_purchase import RepeatPurchaseRecommender
from crmkit.recommend._user_cosine import UserCosineRecommender


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    row = np.arange(60)
    frame = {
        "customer": row % 7,
        "time": np.datetime64("2024-01-01", "us") + row.astype("m8[D]"),
        "item": row * row % 11,
    }
    log = EventLog.from_frame(frame, customer="customer", time="time", item="item")
    X = log.snapshot()
    for interaction in ("binary", "count"):
        # Lists cut short, so that the best have to be chosen.
        for model in (ItemCosineRecommender(2), UserCosineRecommender(2)):
            model.set_params(interaction=interaction).fit(X).recommend(X, n=3)
            model.decision_function(X)
            model.recommend(X, n=3, candidates=model.items_[:4])
    PopularityRecommender().fit(X).recommend(X, n=3)
    RepeatPurchaseRecommender(timing="rate").fit(X).recommend(X, n=3)
    # Which way neighbours are found depends on how full the matrix is.
    full = np.ones((64, 40), dtype=np.int8)
    for pattern in (full, np.eye(64, 40, dtype=np.int8) + np.eye(64, 40, 1, dtype=np.int8)):
        for values in (pattern, pattern.astype(float), pattern / 10):
            for squared in (True, False):
                nearest(csr_matrix(values), Formula(p=10.0, r=10.0, squared=squared), 2, threads=1)
    # Only large catalogues go this way.
    nearest_by_bits(csr_matrix(full), Formula(p=10.0, r=10.0, squared=True).terms(full.shape[1]), 2, 1, threads=1)

"""ContentRecommender against loops that follow its definition, and what it may recommend when."""

from __future__ import annotations

import gzip
import math
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from crmkit import EventLog
from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.model_selection import TemporalSplit
from crmkit.recommend import ContentRecommender

GOODS = pd.DataFrame(
    {
        "sku": [10, 20, 30, 40, 50],
        "price": [3.0, 4.0, np.nan, 20.0, 2.0],
        "sort": ["pot", "cup", "cup", None, "pot"],
        "gift": [True, False, True, False, False],
        "name": ["red tea pot", "red tea cup", "blue tea cup", "", "blue pot"],
        "since": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-01", "2024-03-01"],
    }
)
SALES = pd.DataFrame(
    {
        "who": [1, 1, 2, 3, 3, 3, 4],
        "when": pd.to_datetime(
            ["2024-01-05", "2024-01-20", "2024-01-07", "2024-01-08", "2024-02-08", "2024-02-09", "2024-02-10"]
        ),
        "sku": [10, 20, 30, 10, 10, 40, 99],
        "paid": [3.0, 4.0, 5.0, 3.0, 3.0, 20.0, 1.0],
    }
)


def log_of(sales=SALES, frame=pd.DataFrame):
    columns = {"customer": "who", "time": "when", "item": "sku", "value": "paid"}
    sales = sales if frame is pd.DataFrame else frame(sales.to_dict(orient="list"))
    return EventLog.from_frame(sales, observed_until="2024-06-01", **columns)


def fitted(X, goods=GOODS, **parameters):
    names = {"item": "sku", "text": "name", "available_from": "since"}
    return ContentRecommender(goods, **{**names, **parameters}).fit(X)


def everything(X, **parameters):
    """Fitted to all goods, as if all had been there for ever."""
    return fitted(X, GOODS.assign(since="2000-01-01"), **parameters)


# -- the naive way -------------------------------------------------------------------------------


def naive_vectors(goods: pd.DataFrame) -> dict[int, dict[str, float]]:
    """Unit vectors of the goods as dictionaries: standardised, one-hot, TF-IDF."""
    vectors: dict[int, dict[str, float]] = {sku: {} for sku in goods.sku}
    for name in ("price", "gift"):
        known = [float(cell) for cell in goods[name] if not math.isnan(cell)]
        mean = sum(known) / len(known)
        scale = math.sqrt(sum((cell - mean) ** 2 for cell in known) / len(known))
        for sku, cell in zip(goods.sku, goods[name], strict=True):
            vectors[sku][name] = 0.0 if math.isnan(cell) else (float(cell) - mean) / scale
    for sku, cell in zip(goods.sku, goods.sort, strict=True):
        if isinstance(cell, str):
            vectors[sku][f"sort {cell}"] = 1.0
    texts = [name.split() for name in goods.name]
    for sku, text in zip(goods.sku, texts, strict=True):
        weights = {}
        for word in text:
            n_with = sum(word in other for other in texts)
            weights[word] = text.count(word) * (math.log((1 + len(texts)) / (1 + n_with)) + 1)
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        for word, weight in weights.items():
            vectors[sku][f"name {word}"] = weight / length
    for vector in vectors.values():
        length = math.sqrt(sum(cell**2 for cell in vector.values()))
        for name in vector:
            vector[name] /= length
    return vectors


def dot(one: dict[str, float], other: dict[str, float]) -> float:
    return sum(cell * other.get(name, 0.0) for name, cell in one.items())


def naive_score(vectors, bought: dict[int, float], item: int) -> float:
    profile: dict[str, float] = {}
    for sku, weight in bought.items():
        for name, cell in vectors.get(sku, {}).items():
            profile[name] = profile.get(name, 0.0) + weight * cell
    length = math.sqrt(dot(profile, profile))
    return dot(profile, vectors.get(item, {})) / length if length else 0.0


@pytest.mark.parametrize("interaction", ["binary", "count", "value"])
def test_scores_follow_the_definition(interaction):
    X = log_of().snapshot("2024-03-01")
    model = everything(X, interaction=interaction)
    vectors = naive_vectors(GOODS)
    scores = model.decision_function(X)
    assert model.items_.tolist() == [10, 20, 30, 40, 50, 99]
    for row, customer in enumerate(X.customer_id):
        own = SALES[SALES.who == customer]
        weight = {"binary": own.groupby("sku").size() * 0 + 1, "count": own.groupby("sku").size()}
        weight["value"] = own.groupby("sku").paid.sum()
        bought = {sku: float(cell) for sku, cell in weight[interaction].items()}
        expected = [naive_score(vectors, bought, item) for item in model.items_]
        np.testing.assert_allclose(scores[row], expected, atol=1e-12)


def test_halflife_weighs_by_age():
    X = log_of().snapshot("2024-03-01")
    model = everything(X, halflife="30D", interaction="count")
    age = (np.datetime64("2024-03-01") - SALES.when.to_numpy()) / np.timedelta64(30, "D")
    weight = 0.5**age
    bought = {10: weight[3] + weight[4], 40: weight[5]}
    expected = [naive_score(naive_vectors(GOODS), bought, item) for item in model.items_]
    np.testing.assert_allclose(model.decision_function(X[2:3])[0], expected, atol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_matrix_against_numpy(data):
    """Any features and interactions, among them empty rows and columns, zeros and negative ones."""
    n_items, n_features, n_rows = (data.draw(st.integers(1, 6)) for _ in range(3))
    cells = st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 3.0, 1e160, -1e-160])
    features = np.array(data.draw(st.lists(cells, min_size=n_items * n_features, max_size=n_items * n_features)))
    features = features.reshape(n_items, n_features)
    weights = st.sampled_from([0.0, 0.0, 1.0, 2.0, 1e200])
    X = np.array(data.draw(st.lists(weights, min_size=n_rows * n_items, max_size=n_rows * n_items)))
    X = X.reshape(n_rows, n_items)
    kind = data.draw(st.sampled_from([np.asarray, csr_matrix]))
    model = ContentRecommender(kind(features), interaction="count").fit(X)

    def unit(rows):
        rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
        return rows / np.maximum(np.sqrt((rows**2).sum(axis=1, keepdims=True)), 1e-300)

    vectors = unit(features)
    profiles = X @ vectors
    nothing = np.sqrt(((profiles / np.maximum(X.sum(axis=1, keepdims=True), 1e-300)) ** 2).sum(axis=1)) < 1e-12
    expected = unit(profiles) @ vectors.T
    expected[nothing] = 0.0
    scores = model.decision_function(csr_matrix(X))
    np.testing.assert_allclose(scores, expected, atol=1e-9)
    assert (np.abs(scores) <= 1 + 1e-12).all()
    for item in range(n_items):
        total = np.asarray(model.explain(X, item).sum(axis=1)).ravel()
        np.testing.assert_allclose(total, scores[:, item], atol=1e-9)


def test_opposites_leave_no_profile():
    """Three directions that add up to nothing: what rounding leaves has no direction."""
    angles = np.array([0.0, 2.0, 4.0]) * np.pi / 3
    model = ContentRecommender(np.column_stack([np.cos(angles), np.sin(angles)])).fit(np.ones((1, 3)))
    assert model.decision_function(np.ones((1, 3))).tolist() == [[0.0, 0.0, 0.0]]


# -- forms of the table --------------------------------------------------------------------------


def test_every_frame_gives_the_same(make_frame):
    X = log_of().snapshot("2024-03-01")
    goods = GOODS.assign(price=[3.0, 4.0, 5.0, 20.0, 2.0], sort=["pot", "cup", "cup", "bin", "pot"])
    expected = fitted(X, goods).decision_function(X)
    columns = {name: goods[name].tolist() for name in goods.columns}
    np.testing.assert_array_equal(fitted(X, make_frame(columns)).decision_function(X), expected)


@pytest.mark.parametrize("convert", [pl.from_pandas, pd.DataFrame.convert_dtypes, pd.DataFrame.copy])
def test_missing_cells_of_every_frame(convert):
    X = log_of().snapshot("2024-03-01")
    goods = GOODS.assign(name=["red tea pot", "red tea cup", "blue tea cup", None, "blue pot"])
    expected = fitted(X).decision_function(X)
    np.testing.assert_array_equal(fitted(X, convert(goods)).decision_function(X), expected)


def test_rows_of_the_table_in_any_order():
    X = log_of().snapshot("2024-03-01")
    assert fitted(X).recommend(X).equals(fitted(X, GOODS.iloc[[3, 1, 0, 4, 2]]).recommend(X))


def test_keys_beside_the_table():
    X = log_of().snapshot("2024-03-01")
    bare = GOODS.drop(columns=["sku", "since"])
    model = fitted(X, bare, item=GOODS.sku.to_numpy(), available_from=GOODS.since.tolist())
    assert fitted(X).recommend(X).equals(model.recommend(X))


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pl.Series])
def test_texts_alone(kind):
    texts = kind(["red tea pot", "blue tea cup", "red cup", "spade"])
    model = ContentRecommender(texts).fit(np.eye(4))
    items, scores = model.recommend(np.array([[1, 0, 0, 0]]), n=3)
    assert items.tolist() == [[2, 1, 3]]
    assert scores[0, 0] > scores[0, 1] > scores[0, 2] == 0


def test_chinese_texts_share_characters():
    texts = ["红色茶壶", "蓝色茶壶", "红色铅笔", "shovel"]
    model = ContentRecommender(texts).fit(np.eye(4))
    items, scores = model.similar_items(0)
    assert items.tolist() == [1, 2]
    assert scores[0] > scores[1] > 0


def test_a_flag_is_a_number_of_zeros_and_ones():
    X = log_of().snapshot("2024-03-01")
    numbers = GOODS.assign(gift=GOODS.gift.astype(int))
    np.testing.assert_array_equal(fitted(X).decision_function(X), fitted(X, numbers).decision_function(X))


def test_frames_do_not_come_out_of_the_encoders():
    X = log_of().snapshot("2024-03-01")
    expected = fitted(X).decision_function(X)
    with config_context(transform_output="pandas"):
        model = fitted(X)
        np.testing.assert_array_equal(model.decision_function(X), expected)


def test_feature_names_are_those_of_the_table():
    names = fitted(log_of().snapshot("2024-03-01")).encoder_.get_feature_names_out().tolist()
    assert names[:5] == ["price__price", "sort__sort_cup", "sort__sort_pot", "gift__gift", "name__blue"]


# -- items that exist, and others ----------------------------------------------------------------


def items_for(model, X, customer, **asked):
    listed = model.recommend(X, 10, **asked)
    return listed.item[listed.customer_id == customer].tolist()


def test_a_new_item_is_recommended_from_its_date_on():
    log = log_of()
    model = fitted(log.snapshot("2024-02-20"))
    assert 50 not in items_for(model, log.snapshot("2024-02-20"), 1)
    assert 50 not in items_for(model, log.snapshot("2024-03-01"), 1)
    assert 50 in items_for(model, log.snapshot("2024-03-01 00:00:01"), 1)


def test_rows_of_several_dates_each_see_their_own_catalogue():
    log = log_of()
    X = log.snapshots(["2024-02-20", "2024-03-02", "2024-03-05"])
    listed = fitted(X).recommend(X, 10)
    assert (listed.as_of[listed.item == 50] > pd.Timestamp("2024-03-01")).all()
    assert listed.item.eq(50).sum() == 8


def test_items_without_a_date_are_recommended_by_name_alone():
    log = log_of()
    X = log.snapshot("2024-03-05")
    with pytest.warns(CrmkitWarning, match="available_from="):
        model = fitted(X, GOODS.drop(columns="since"), available_from=None)
    assert 50 not in items_for(model, X, 1)
    assert items_for(model, X, 1, candidates=[50, 30]) == [30, 50]
    missing = GOODS.assign(since=[None, None, None, None, None])
    assert 50 not in items_for(fitted(X, missing), X, 1)


def test_what_was_sold_exists_whatever_its_date_says():
    late = GOODS.assign(since="2025-01-01")
    X = log_of().snapshot("2024-03-05")
    assert set(items_for(fitted(X, late), X, 2)) == {10, 20, 40, 99}


def test_a_date_keeps_items_from_earlier_rows():
    log = log_of()
    model = fitted(log.snapshot("2024-03-05"), GOODS.assign(since=["2024-01-20", *GOODS.since.tolist()[1:]]))
    assert 10 not in items_for(model, log.snapshot("2024-01-15"), 2)
    assert 10 in items_for(model, log.snapshot("2024-01-25"), 2)


def test_means_and_words_are_learnt_from_what_exists():
    log = log_of()
    X = log.snapshot("2024-02-20")
    other = GOODS.assign(price=[3.0, 4.0, np.nan, 20.0, 9e9], name=[*GOODS.name[:4], "red red red"])
    places = [0, 1, 2, 3]
    np.testing.assert_array_equal(
        fitted(X).decision_function(X)[:, places], fitted(X, other).decision_function(X)[:, places]
    )


def test_dates_of_a_zone_are_read_on_the_clock_of_the_log():
    sales = SALES.assign(when=SALES.when.dt.tz_localize("Asia/Shanghai"))
    log = log_of(sales)
    X = log.snapshot("2024-03-01 04:00")
    goods = GOODS.assign(since=pd.to_datetime(GOODS.since).dt.tz_localize("UTC"))  # 08:00 in Shanghai
    model = fitted(X, goods)
    assert 50 not in items_for(model, X, 1)
    assert 50 in items_for(model, log.snapshot("2024-03-01 09:00"), 1)
    with pytest.raises(ParameterError, match="available_from says a time zone"):
        fitted(log_of().snapshot("2024-03-01"), goods)


def test_an_item_that_nobody_described_has_no_score_and_is_found_by_the_fallback():
    X = log_of().snapshot("2024-03-05")
    model = fitted(X)
    listed = model.recommend(X[:1], 10)
    assert listed.item.tolist()[-1] == 99
    assert listed.is_fallback.tolist()[-1]
    assert model.item_vectors_[5].nnz == 0


def test_a_customer_without_described_purchases_gets_the_fallback():
    X = log_of().snapshot("2024-03-05")
    listed = fitted(X).recommend(X[3:])
    assert listed.is_fallback.all()
    assert listed.item.tolist() == [10, 20, 30, 40, 50]  # by customers, then by id


def test_a_new_customer_needs_one_purchase():
    log = log_of()
    model = fitted(log.snapshot("2024-03-05"))
    newcomer = pd.DataFrame({"who": [77], "when": pd.to_datetime(["2024-03-06"]), "sku": [50], "paid": [2.0]})
    X = log_of(newcomer).snapshot("2024-03-07")
    listed = model.recommend(X, 2)
    assert set(listed.item) <= {10, 20, 30, 40}
    assert not listed.is_fallback.any()
    nobody = log.snapshots_at({"c": [123], "t": ["2024-03-07"]}, customer="c", as_of="t")
    assert model.recommend(nobody).is_fallback.all()


# -- lists, neighbours, explanations -------------------------------------------------------------


def test_similar_items_are_cosines():
    model = everything(log_of().snapshot("2024-03-05"))
    vectors = naive_vectors(GOODS)
    items, values = model.similar_items(20, n=3)
    expected = sorted((-dot(vectors[20], vectors[sku]), sku) for sku in GOODS.sku if sku != 20)
    expected = [(sku, -value) for value, sku in expected if value < 0][:3]
    assert items.tolist() == [sku for sku, _ in expected]
    np.testing.assert_allclose(values, [value for _, value in expected], atol=1e-12)
    assert model.similar_items(99)[0].tolist() == []


def test_explanations_add_up():
    X = log_of().snapshot("2024-03-05")
    model = fitted(X, interaction="count")
    found = model.explain(X, 50)
    scores = model.decision_function(X)[:, model.items_.tolist().index(50)]
    for row, customer in enumerate(X.customer_id):
        assert found.contribution[found.customer_id == customer].sum() == pytest.approx(scores[row], abs=1e-12)
    assert list(found.columns) == ["customer_id", "as_of", "item", "interaction", "similarity", "contribution"]
    best = found[found.customer_id == 3]
    assert best.item.tolist() == [10, 40]
    assert best.interaction.tolist() == [2.0, 1.0]


def test_polars_in_polars_out():
    X = log_of(frame=pl.DataFrame).snapshot("2024-03-05")
    model = fitted(X)
    assert isinstance(model.recommend(X), pl.DataFrame)
    assert isinstance(model.explain(X, 10), pl.DataFrame)


def test_dense_and_sparse_features_give_the_same(monkeypatch):
    monkeypatch.setattr("crmkit.recommend._content._TILE", 7)
    rng = np.random.default_rng(0)
    features = rng.random((40, 30))
    X = (rng.random((50, 40)) < 0.1).astype(float)
    dense, sparse = (ContentRecommender(f).fit(X) for f in (features, np.hstack([features, np.zeros((40, 300))])))
    assert [tile.shape[1] for tile in dense._targets] == [7, 7, 7, 7, 7, 5]
    assert len(sparse._targets) == 1
    np.testing.assert_allclose(dense.decision_function(X), sparse.decision_function(X), atol=1e-12)


def test_params_are_stored_as_they_came():
    model = ContentRecommender(GOODS, item="sku")
    assert model.get_params()["item_features"] is GOODS
    before = GOODS.copy()
    again = clone(model)
    assert again.item_features is not GOODS
    pd.testing.assert_frame_equal(again.item_features, before)


def test_pickled_and_on_threads():
    X = log_of().snapshot("2024-03-05")
    model = fitted(X)
    assert pickle.loads(pickle.dumps(model)).recommend(X).equals(model.recommend(X))
    assert fitted(X, n_jobs=2).recommend(X).equals(model.recommend(X))


def test_searched_over_time():
    rng = np.random.default_rng(1)
    n = 400
    sales = pd.DataFrame(
        {
            "who": rng.integers(0, 40, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 120, n), unit="D"),
            "sku": rng.choice([10, 20, 30, 40], n),
            "paid": 1.0,
        }
    )
    X = log_of(sales).snapshots(["2024-02-01", "2024-03-01", "2024-04-01"], horizon="28D")
    search = GridSearchCV(
        ContentRecommender(GOODS, item="sku", text="name", available_from="since", exclude_seen=False),
        {"interaction": ["binary", "count"], "halflife": [None, "30D"]},
        cv=TemporalSplit(n_splits=2),
    )
    search.fit(X, X.future_items())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"goods": None}, "needs item_features"),
        ({"goods": "goods"}, "'item_features' parameter"),
        ({"goods": np.array([["a", "b"]])}, "'item_features' parameter"),
        ({"goods": GOODS.iloc[:0]}, "no rows"),
        ({"goods": GOODS[["sku", "since"]], "text": None}, "no columns beside the keys"),
        ({"goods": pd.concat([GOODS, GOODS[:2]])}, "2 items stand in item_features several times"),
        ({"goods": GOODS.assign(sku=[10, 20, None, 40, 50])}, "missing id in row 2"),
        ({"goods": GOODS.assign(sku=list("abcde"))}, "item holds text, and the items of X are whole numbers"),
        ({"goods": GOODS.assign(sku=[1, 2, 3, 4, 5])}, "describes none of the 5 items"),
        ({"goods": GOODS.assign(price=[1, 2, 3, 4, np.inf])}, "infinite numbers in the column 'price'"),
        ({"goods": GOODS.assign(since=["soon"] * 5)}, "available_from"),
        ({"goods": GOODS.assign(name=[1, 2, 3, 4, 5])}, "not a text"),
        ({"goods": GOODS.assign(name="a")}, "no word of two letters"),
        ({"goods": GOODS.drop(columns="sku"), "item": None}, "item=None"),
        ({"item": [1, 2]}, "item has 2 values for the 5 rows"),
        ({"goods": np.eye(5), "text": None, "available_from": None}, "'item' parameter"),
        ({"goods": np.eye(5), "text": None, "item": [1, 2, 3, 4, 10]}, "'available_from' parameter"),
        ({"goods": np.eye(5), "item": [1, 2, 3, 4, 10], "available_from": None}, "'text' parameter"),
        ({"text": 3}, "'text' parameter"),
        ({"halflife": 3}, "halflife"),
    ],
)
def test_refused(parameters, words):
    with pytest.raises(ParameterError, match=words):
        fitted(log_of().snapshot("2024-03-01"), **parameters)


@pytest.mark.parametrize("name", ["item", "text", "available_from"])
def test_unknown_columns_are_named(name):
    with pytest.raises(ColumnNotFoundError, match=f"{name}='nmae'"):
        fitted(log_of().snapshot("2024-03-01"), **{name: "nmae"})


def test_refused_with_a_matrix():
    with pytest.raises(ParameterError, match="describes 3 items, and X has 2 columns"):
        ContentRecommender(np.eye(3)).fit(np.eye(2))
    with pytest.raises(ParameterError, match="a matrix has no times"):
        ContentRecommender(np.eye(2), available_from=["2024-01-01"] * 2).fit(np.eye(2))
    with pytest.raises(ParameterError, match="missing or infinite cells"):
        ContentRecommender(np.array([[np.nan], [1.0]])).fit(np.eye(2))


def test_unknown_items_are_refused():
    X = log_of().snapshot("2024-03-05")
    model = fitted(X)
    for call in (model.similar_items, lambda item: model.explain(X, item)):
        with pytest.raises(ParameterError, match="item=7 is none of the 6 items"):
            call(7)
    with pytest.raises(ParameterError, match="candidates holds 7"):
        model.recommend(X, candidates=[7])


def test_labels_are_warned_of():
    with pytest.warns(CrmkitWarning, match="column 'name' differ in all items"):
        fitted(log_of().snapshot("2024-03-01"), text=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(log_of().snapshot("2024-03-01"))


# -- films ---------------------------------------------------------------------------------------


def test_genres_of_films(movielens, ndcg, data_folder):
    """Published for genres and a tuned item KNN: P@10 .0455 (Ferrari Dacrema et al. 2021, table 46)."""
    lines = gzip.decompress((data_folder / "movielens_100k" / "u.item.gz").read_bytes()).decode("latin-1").splitlines()
    genres = pd.DataFrame([line.split("|")[5:] for line in lines], dtype=float)
    genres.columns = [f"genre {column}" for column in genres.columns]
    model = ContentRecommender(genres).fit(movielens.train)
    items, _ = model.recommend(movielens.train, 10)
    has_test = np.diff(movielens.test.indptr) > 0
    hits = [np.isin(row, movielens.test[user].indices).mean() for user, row in enumerate(items)]
    assert np.mean(np.array(hits)[has_test]) == pytest.approx(0.0592, abs=0.002)
    assert ndcg(items, movielens.test) == pytest.approx(0.065, abs=0.002)

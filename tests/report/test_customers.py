from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit.features import RFMTransformer
from crmkit.report import _customers
from crmkit.report._context import Context


def test_the_file_gives_back_what_the_transformer_said(context, log, tmp_path):
    frame = pd.read_csv(_customers.write_customers(context, tmp_path), parse_dates=["as_of"])
    today = log.snapshot()
    rfm = RFMTransformer(columns="all").fit(today)
    expected = rfm.transform(today).reset_index()
    pd.testing.assert_frame_equal(frame[expected.columns], expected, check_dtype=False)
    assert frame["segment"].tolist() == rfm.segment(today).tolist()
    assert frame["probability_90D"].between(0, 1).all()


def test_probabilities_are_those_of_the_model_that_knows_all_dates(context, log):
    from crmkit.report._study import model

    fitted = model().fit(context.study.X, context.study.y)
    expected = fitted.predict_proba(log.snapshot())[:, 1]
    np.testing.assert_allclose(_customers.customer_table(context)["probability_90D"], expected)


def test_excel_knows_the_encoding(context, tmp_path):
    assert _customers.write_customers(context, tmp_path).read_bytes().startswith(b"\xef\xbb\xbfcustomer_id,as_of,")


def test_without_money_there_is_no_column_of_it(log):
    columns = list(_customers.customer_table(Context(log.before("1997-01-15"), "zh", has_money=False)))
    scores = ["recency_score", "frequency_score"]
    assert columns == ["customer_id", "as_of", "recency_days", "frequency", *scores, "segment"]


def test_the_section_names_the_columns_of_the_file(sections, context, read_page):
    (table,) = read_page("".join(sections[_customers].blocks)).tables
    named = [name for row in table[1:] for name in row[0].split(", ")]
    assert sorted(named) == sorted(_customers.customer_table(context).columns)

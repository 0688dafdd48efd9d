from __future__ import annotations

from crmkit.report._page import Section, code, figure, note, page, paragraph, rich, table, tiles


def test_text_is_escaped_and_marks_become_tags():
    assert rich("a < **b & c** `<d>`") == "a &lt; <strong>b &amp; c</strong> <code>&lt;d&gt;</code>"
    assert code("<script>") == "<pre><code>&lt;script&gt;</code></pre>"
    assert figure("data:,", 'a "quoted" < b', "c") == (
        '<figure><img src="data:," alt="a &quot;quoted&quot; &lt; b"><figcaption>c</figcaption></figure>'
    )


def test_a_table_has_headings_for_rows_and_columns(read_page):
    text = table("All", ["Segment", "Customers"], [["A", "1"], ["Sum", "1"]], foot=True)
    shown = read_page(text)
    assert shown.tables == [[["Segment", "Customers"], ["A", "1"], ["Sum", "1"]]]
    assert [one.get("scope") for one in shown.attributes("th")] == ["col", "col", "row", "row"]
    assert "<tfoot><tr><th" in text
    assert '<td class="figure">1</td>' in text


def test_a_page_is_whole(read_page):
    sections = [
        Section("one", "First & last", [paragraph("p"), note("n"), tiles([("1", "x")])], "It **is** so."),
        Section("two", "Second"),
    ]
    shown = read_page(
        page(language="zh", title="T", subtitle="S", in_short="Short", sections=sections, footer=[paragraph("f")])
    )
    assert shown.open == []
    assert shown.attributes("html") == [{"lang": "zh-CN"}]
    assert [one["id"] for one in shown.attributes("section")] == ["in-short", "one", "two"]
    assert [one["href"] for one in shown.attributes("a")] == ["#one", "#two"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.attributes("meta")
    assert "It is so." in shown.text

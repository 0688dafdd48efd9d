"""The README and the guide do what they say: their Python runs, from the top of each page to its end.

A block fenced as ``python`` runs; blocks with ``>>>`` are compared with what they print. What cannot
run here, such as reading the reader's own file, is fenced as ``{code-block} python``.
"""

from __future__ import annotations

import doctest
import re
import warnings
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
PAGES = [README, *sorted((CHECKOUT / "docs").glob("*.md")), *sorted((CHECKOUT / "docs" / "guide").glob("*.md"))]
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def blocks(page: Path, *languages: str) -> list[tuple[int, str]]:
    """Return the line number and code of each block in one of the languages."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start("code")) + 1, found["code"])
        for found in FENCE.finditer(text)
        if found["language"].strip() in languages
    ]


def run(page: Path, first_line: int, code: str, names: dict[str, object]) -> None:
    if ">>>" in code:
        test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), first_line - 1)
        test.globs = names  # get_doctest copies; later blocks go on with what this one defines
        report: list[str] = []
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        runner.run(test, out=report.append, clear_globs=False)
        assert runner.failures == 0, "\n".join(report)
    else:
        exec(compile("\n" * (first_line - 1) + code, str(page), "exec"), names)


def name_of(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        # A reader should see no warning from what a page tells them to type.
        warnings.simplefilter("error", FutureWarning)
        for first_line, code in blocks(page, "python"):
            run(page, first_line, code, names)


def test_readme_opens_with_the_demo_and_the_tests():
    """.ci/run runs the second of these commands, as a newcomer would."""
    (_, demo), (_, test), *_ = blocks(README, "sh")
    for command in (demo, test):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")
        assert len(command.strip().splitlines()) == 1
    assert demo.rstrip().endswith(".venv/bin/python -m crmkit demo")
    assert "'.[test]'" in test
    assert test.rstrip().endswith(".venv/bin/python -m pytest -n auto")


def test_readme_has_an_example():
    assert blocks(README, "python")


def test_blocks_are_found_with_their_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# T\n\n```sh\nls\n```\n\n```python\n>>> x = 2\n>>> x\n3\n```\n\n````python\ny = 1\n````\n")
    (doctested, plain) = blocks(page, "python")
    assert doctested == (8, ">>> x = 2\n>>> x\n3\n")
    assert plain == (14, "y = 1\n")
    names: dict[str, object] = {}
    with pytest.raises(AssertionError, match=r"line 9"):
        run(page, *doctested, names)
    assert names["x"] == 2

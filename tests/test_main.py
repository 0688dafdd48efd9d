"""The command line, mostly called in this process: a new one takes seconds to start."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pandas as pd
import pytest

import crmkit
from crmkit.__main__ import main
from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.features import RFMTransformer

ROWS = "customer,time,value\n7,2024-01-05,20\n8,2024-01-09,35.50\n7,2024-02-01,15\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    return path


def error(capsys, *arguments: object) -> str:
    """Run a command that must fail, and return its one line."""
    assert main([str(one) for one in arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("  … ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.slow
def test_demo(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "2,357 customers bought on 6,696 customer-days between 1997-01-01 and 1998-06-30" in said.out
    assert said.out.rstrip().splitlines()[-2:] == [str(tmp_path / "report.html"), str(tmp_path / "customers.csv")]
    assert "  … back-test: 4 dates" in said.err
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    today = log.snapshot()
    expected = RFMTransformer(columns="all").fit_transform(today).reset_index()
    table = pd.read_csv(tmp_path / "customers.csv", parse_dates=["as_of"])
    pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False)


@pytest.mark.parametrize("options", [[], ["--campaign=-60,6,0.6,0.1"]])
def test_report(file, options, tmp_path, capsys):
    assert main(["report", str(file), "--out", str(tmp_path / "out"), *options]) == 0
    said = capsys.readouterr().out
    assert all(option in said for option in options)
    command = next(line.partition(": ")[2] for line in said.splitlines() if line.startswith("The full command"))
    assert main([*shlex.split(command)[3:], "--out", str(tmp_path / "again")]) == 0
    for name in ("report.html", "customers.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_errors_are_one_line(file, tmp_path, capsys):
    out = ("--out", tmp_path / "out")
    assert error(capsys, "report", file, "--customer", "custmer", *out) == (
        "crmkit report: --customer 'custmer': the file has no such column. Did you mean 'customer' or 'time'? "
        "Its columns are ['customer', 'time', 'value']."
    )
    assert "does not exist" in error(capsys, "report", tmp_path / "none.csv", *out)
    assert "not a form of dates" in error(capsys, "report", file, "--time-format", "%Q", *out)
    swapped = ("--customer", "value", "--time", "customer")
    assert "cannot be read as a time" in error(capsys, "report", file, *swapped, *out)
    assert "no such encoding" in error(capsys, "report", file, "--encoding", "klingon", *out)
    (tmp_path / "empty.csv").write_bytes(b"")
    for campaign in ("60", "60,6,x,0.1", "1,2,3,4,5", ""):
        assert "give four numbers and commas" in error(capsys, "report", file, "--campaign", campaign, *out)
    assert "'accept_rate'" in error(capsys, "report", file, "--campaign", "60,6,1,7", *out)
    assert error(capsys, "report", tmp_path / "empty.csv", *out) == f"crmkit report: {tmp_path / 'empty.csv'} is empty."


def test_a_folder_that_cannot_be_written(file, capsys):
    assert "orders.csv" in error(capsys, "report", file, "--out", file)


def test_warnings_are_one_line(file, tmp_path, capsys, monkeypatch):
    from crmkit.report import _pictures

    monkeypatch.setattr(_pictures, "has_glyphs", lambda *texts: not "".join(texts))
    assert main(["report", str(file), "--language", "zh", "--out", str(tmp_path)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("  … ")]
    assert len(notes) == 1
    assert notes[0].startswith("  note: No installed font has Chinese characters")


def test_stopping_is_no_traceback(file, tmp_path, capsys, monkeypatch):
    from crmkit import report

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "report_file", stop)
    assert main(["report", str(file)]) == 130
    assert capsys.readouterr().err == "crmkit report: stopped\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["report"], ["demo", "--language", "fr"]])
def test_wrong_commands_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "python -m crmkit" in capsys.readouterr().err


def test_version_and_help(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"{crmkit.__version__}\n"
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    shown = capsys.readouterr().out
    for flag in ("--customer", "--time-format", "--encoding", "--as-of", "--language", "--out", "--tz", "--purchases"):
        assert flag in shown


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crmkit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_help_is_quick_and_loads_nothing():
    code = "import sys; sys.argv = ['crmkit', '--help']\n"
    code += "import crmkit.__main__ as m\ntry: m.main()\nexcept SystemExit: pass\n"
    code += "print(sorted({'numpy', 'pandas', 'numba', 'sklearn', 'matplotlib'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("[]")


def test_an_error_of_the_command_has_an_exit_code(tmp_path):
    ran = run("report", str(tmp_path / "none.csv"))
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == f"crmkit report: {tmp_path / 'none.csv'} does not exist.\n"


def test_a_terminal_without_chinese_gets_no_traceback(file, tmp_path):
    ran = run(
        "report", str(file), "--language", "zh", "--out", str(tmp_path), PYTHONIOENCODING="ascii", MPLBACKEND="Agg"
    )
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr


def test_warm(tmp_path, capsys, monkeypatch):
    """That it compiles is tested beside `crmkit._numba.warm`."""
    from crmkit import _numba

    monkeypatch.setattr(_numba, "warm", lambda cache: _numba.Warmed(12, 3.21, str(cache)))
    assert main(["warm", "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"12 kernels in 3.2 s, kept in {tmp_path}\n"

"""The command line: ``python -m crmkit demo``, ``report`` and ``warm``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.churn import ChurnProfit
    from crmkit.report import Report

_COLUMNS = {
    "customer": "who bought",
    "time": "when",
    "value": "the money of the line",
    "price": "instead of --value: the price of one, with --quantity",
    "quantity": "how many",
    "item": "what was bought",
    "order": "the invoice or basket",
    "kind": "what sort of event the row is, with --purchases",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, or 2 after an error of one line."""
    parsed = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no Chinese shows question marks rather than a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from crmkit.exceptions import CrmkitError

    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # takes the rest as *_
        try:
            parsed.run(parsed)
        except (CrmkitError, OSError) as error:
            said = " ".join(str(error).split())
            print(f"crmkit {parsed.command}: {said}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"crmkit {parsed.command}: stopped", file=sys.stderr)
            return 130
    return 0


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"  note: {' '.join(str(message).split())}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crmkit", description="Customer analytics for scikit-learn.")
    parser.add_argument("--version", action=_Version, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{demo,report,warm}")

    demo = commands.add_parser("demo", help="analyse the purchases of 2,357 real customers of a CD shop")
    demo.set_defaults(run=_demo)
    _output(demo, "crmkit-demo")

    report = commands.add_parser("report", help="analyse your own CSV or Parquet file")
    report.set_defaults(run=_report)
    report.add_argument("file", metavar="FILE", help="CSV with a line of headings (.csv, .csv.gz), or Parquet")
    columns = report.add_argument_group("columns", "Headings of the file. Usual ones are found without being named.")
    for name, what in _COLUMNS.items():
        columns.add_argument(f"--{name}", metavar="COLUMN", help=what)
    columns.add_argument("--purchases", metavar="KINDS", help="the kinds that are purchases, separated by commas")
    report.add_argument("--time-format", metavar="FORM", help="how times are written, such as '%%d/%%m/%%Y %%H:%%M'")
    report.add_argument("--encoding", help="how text is written (default: UTF-8, GB18030 or Latin-1, found out)")
    report.add_argument("--tz", metavar="ZONE", help="time zone whose days are meant, such as Asia/Shanghai")
    report.add_argument("--as-of", metavar="DAY", help="report as if it were this day")
    _output(report, "crmkit-report")

    warm = commands.add_parser("warm", help="compile all kernels ahead of time, for the image of a server")
    warm.set_defaults(run=_warm)
    warm.add_argument("--cache", metavar="DIR", help="folder for the compiled kernels")
    return parser


def _output(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument(
        "--campaign", metavar="VALUE,OFFER,CONTACT,SHARE",
        help="what keeping a customer is worth, what an offer and a contact cost, and what share of those who would "
        "be silent it wins back, such as 60,6,0.6,0.1",
    )  # fmt: skip  # one option
    parser.add_argument("--language", choices=["en", "zh"], default="en", help="English or Chinese (default: en)")
    parser.add_argument("--out", metavar="DIR", default=folder, help=f"folder for the results (default: {folder})")


class _Version(argparse.Action):
    """Looks the version up when it is asked for, and not before."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help=str(options.get("help", "")))

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from crmkit import __version__

        print(__version__)
        parser.exit()


def _demo(parsed: argparse.Namespace) -> None:
    from crmkit.datasets import load_cdnow
    from crmkit.events import EventLog
    from crmkit.report import write_report

    print("CDNOW: the purchases of 2,357 customers of a CD shop, January 1997 to June 1998.", flush=True)
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value", quantity="quantity")
    profit = _campaign(parsed.campaign)
    _summarise(write_report(log, parsed.out, name="CDNOW", profit=profit, language=parsed.language, verbose=True))


def _report(parsed: argparse.Namespace) -> None:
    from crmkit.report import report_file

    given = {name: getattr(parsed, name) for name in _COLUMNS}
    made = report_file(
        parsed.file, parsed.out, **given, purchases=parsed.purchases, time_format=parsed.time_format,
        encoding=parsed.encoding, tz=parsed.tz, as_of=parsed.as_of, profit=_campaign(parsed.campaign),
        language=parsed.language, verbose=True,
    )  # fmt: skip  # names say themselves
    _summarise(made)


def _campaign(said: str | None) -> ChurnProfit | None:
    """Read the four numbers of --campaign."""
    if said is None:
        return None
    from crmkit.churn import ChurnProfit
    from crmkit.exceptions import ParameterError

    try:
        value, offer, contact, share = map(float, said.split(","))
    except ValueError:
        raise ParameterError(
            f"--campaign {said!r}: give four numbers and commas, the value of a customer who is kept, the costs of an "
            "offer and of a contact, and the share won back, such as 60,6,0.6,0.1."
        ) from None
    profit = ChurnProfit(value, offer, contact, share)
    profit.validate()
    return profit


def _summarise(report: Report) -> None:
    print()
    for headline in report.headlines:
        print(f"- {headline}")
    print(f"\n{report.page.resolve()}\n{report.customers.resolve()}")


def _warm(parsed: argparse.Namespace) -> None:
    from crmkit._numba import warm

    warmed = warm(parsed.cache)
    print(f"{warmed.n_kernels} kernels in {warmed.seconds:.1f} s, kept in {warmed.folder}")


if __name__ == "__main__":
    sys.exit(main())

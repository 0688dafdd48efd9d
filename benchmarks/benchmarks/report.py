"""Speed of the main job: a log to a page with pictures."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl

from crmkit import EventLog
from crmkit.datasets import load_cdnow, make_retail
from crmkit.report import report_file, write_report

mpl.use("Agg")


class Report:
    """In a process that is warm, from a log."""

    params = [["en", "zh"]]
    param_names = ["language"]
    timeout = 600
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self, language):
        self.folder = tempfile.TemporaryDirectory()
        self.log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
        self.time_report(language)

    def teardown(self, language):
        self.folder.cleanup()

    def time_report(self, language):
        write_report(self.log, self.folder.name, name="CDNOW", language=language)

    def track_kilobytes_of_the_page(self, language):
        return (Path(self.folder.name) / "report.html").stat().st_size / 1000

    track_kilobytes_of_the_page.unit = "kB"


class File:
    """A CSV of many kinds of events, read and reported."""

    timeout = 600
    number = 1
    repeat = 3
    warmup_time = 0

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "events.csv"
        frame, _ = make_retail(5_000, 200, random_state=0)
        frame.to_csv(self.file, index=False)
        self.time_report()

    def teardown(self):
        self.folder.cleanup()

    def time_report(self):
        report_file(
            self.file, self.folder.name + "/report", customer="customer_id", time="time", value="value", item="item",
            order="order", kind="kind", purchases="order",
        )  # fmt: skip

    def peakmem_report(self):
        self.time_report()


class Demo:
    """Seconds of the command, in a process of its own, with kernels compiled before."""

    timeout = 600

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        self.track_demo()

    def teardown(self):
        self.folder.cleanup()

    def track_demo(self):
        start = time.perf_counter()
        command = [sys.executable, "-m", "crmkit", "demo", "--out", self.folder.name]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    track_demo.unit = "s"

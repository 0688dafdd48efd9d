"""What a process pays before it does anything: imports, and the first call of a kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time


def seconds(code: str, **environment: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment})
    return time.perf_counter() - start


class Import:
    """Seconds for a fresh interpreter that imports one thing; ``nothing`` is the interpreter alone."""

    params = ["nothing", "crmkit", "crmkit.events", "crmkit.metrics", "crmkit.features", "crmkit.model_selection"]
    param_names = ["module"]
    number = 1
    repeat = 7
    warmup_time = 0

    def setup(self, module):
        self.code = "pass" if module == "nothing" else f"import {module}"
        seconds(self.code)  # the disk is warm, the bytecode written

    def time_import(self, module):
        seconds(self.code)


FIRST_CALL = """
from crmkit import EventLog
from crmkit.datasets import load_cdnow

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
log.snapshot("1997-10-01").summary()
"""


class FirstCall:
    """Seconds of a fresh process from nothing to the summary of CDNOW."""

    timeout = 600

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self):
        self.folder.cleanup()

    def track_with_an_empty_cache(self):
        return seconds(FIRST_CALL, NUMBA_CACHE_DIR=self.folder.name)

    def track_with_a_warm_cache(self):
        seconds(FIRST_CALL, NUMBA_CACHE_DIR=self.folder.name)
        return seconds(FIRST_CALL, NUMBA_CACHE_DIR=self.folder.name)

    track_with_an_empty_cache.unit = "s"
    track_with_a_warm_cache.unit = "s"

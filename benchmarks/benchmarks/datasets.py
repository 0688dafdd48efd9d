"""What it costs to draw a log."""

from __future__ import annotations

from crmkit.datasets import load_cdnow, make_purchases, make_retail

SEASONALITY = {"month": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3], "weekday": [1, 1, 1, 1, 1, 2, 0]}


class Cdnow:
    """Reading the file that comes with the package."""

    params = [True, False]
    param_names = ["sample"]

    def setup(self, sample):
        load_cdnow(sample=sample)

    def time_load_cdnow(self, sample):
        load_cdnow(sample=sample)


class Purchases:
    """A hundred thousand and a million customers."""

    params = [[100_000, 1_000_000], ["bg_nbd", "pareto_nbd", "regular"], [False, True]]
    param_names = ["n_customers", "model", "seasonality"]

    def setup(self, n_customers, model, seasonality):
        self.parameters = {"model": model, "seasonality": SEASONALITY if seasonality else None, "random_state": 0}
        make_purchases(1000, **self.parameters)

    def time_make_purchases(self, n_customers, model, seasonality):
        make_purchases(n_customers, **self.parameters)

    def peakmem_make_purchases(self, n_customers, model, seasonality):
        make_purchases(n_customers, **self.parameters)


class Retail:
    """A hundred thousand and a million customers of a shop with a thousand items."""

    params = [100_000, 1_000_000]
    param_names = ["n_customers"]
    timeout = 120

    def setup(self, n_customers):
        make_retail(1000, random_state=0)

    def time_make_retail(self, n_customers):
        make_retail(n_customers, 1000, random_state=0)

    def peakmem_make_retail(self, n_customers):
        make_retail(n_customers, 1000, random_state=0)

    def track_events_per_customer(self, n_customers):
        """Not a cost: the figures above are worth comparing only where this one stays."""
        frame, _ = make_retail(n_customers, 1000, random_state=0)
        return len(frame) / n_customers

    track_events_per_customer.unit = "events"

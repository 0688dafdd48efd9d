"""Events: one validated log of what customers did, and rows of it that cannot see the future.

An `EventLog` holds every event of every customer. `Snapshots` are its rows (customer, as_of): they
see what happened before as_of, and know the label window after it. `ItemTargets` is what they buy
there, by item; `Sequences` are their latest events, padded for networks. Every other room of crmkit
reads these, or `purchases`, the arrays of which summaries are made; models of customers learn from
their `latest_rows`.
"""

from crmkit.events._items import ItemTargets
from crmkit.events._log import EventLog
from crmkit.events._sequences import Sequences
from crmkit.events._snapshots import Snapshots, latest_rows
from crmkit.events._summary import Purchases, purchases

__all__ = ["EventLog", "ItemTargets", "Purchases", "Sequences", "Snapshots", "latest_rows", "purchases"]

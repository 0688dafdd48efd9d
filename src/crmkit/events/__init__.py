"""Events: one validated log of what customers did, and rows of it that cannot see the future.

An `EventLog` holds every event of every customer. `Snapshots` are its rows (customer, as_of): they
see what happened before as_of, and know the label window after it. `ItemTargets` is what they buy
there, by item. Every other room of crmkit reads these three.
"""

from crmkit.events._items import ItemTargets
from crmkit.events._log import EventLog
from crmkit.events._snapshots import Snapshots

__all__ = ["EventLog", "ItemTargets", "Snapshots"]

"""Kernels that add up events by series and period of the calendar."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._money_kernels import add_money
from crmkit._numba._period_kernels import period_of

_DAY = 86_400_000_000


@kernel
def find_first_periods(start, stop, pointers, time, roles, of_customer, of_event, edges, pace, first):
    """The period of each series' first purchase, where that is before the one in `first`.

    Parameters
    ----------
    start, stop : int
        Customers to walk through.
    of_customer : ndarray of int32, shape (n_customers,)
        Series of each customer's events.
    of_event : ndarray of int32, shape (n_events,) or (0,)
        Series of each event, -1 for none; where it is given, `of_customer` is not read.
    """
    for customer in range(start, stop):
        for position in range(pointers[customer], pointers[customer + 1]):
            if time[position] >= edges[-1]:
                break
            if len(roles) > 0 and roles[position] != 1:
                continue
            series = of_event[position] if len(of_event) > 0 else of_customer[customer]
            if series >= 0:
                first[series] = min(first[series], period_of(time[position], edges, pace))
            if len(of_event) == 0:
                break


@kernel
def add_demand(
    start,
    stop,
    pointers,
    time,
    roles,
    of_customer,
    of_event,
    edges,
    pace,
    first,
    cells,
    wholes,
    amounts,
    net,
    marks,
    counts,
    sums,
):
    """Add up what lies in each period of each series, from the one in `first` on.

    Parameters
    ----------
    cells : ndarray of int64, shape (n_series,)
        Cell of each series' first period.
    wholes, amounts : ndarray of int64, ndarray of float64
        What is added up, one of them empty. With both empty purchases are counted, those of a customer
        on one day and in one period as one.
    net : bool
        Whether refunds are added as well.
    marks : ndarray of int64, shape (n_series,)
        Zeros at first; belongs to these customers alone.
    counts, sums : ndarray of int64, ndarray of float64, shapes (n_cells,) and (3, n_cells or 0)
        Zeros at first. With `amounts` the state of a sum is its hundredths, the two floats of
        `add_money`, and whether some amount was not in hundredths.
    """
    visit = np.int64(0)
    for customer in range(start, stop):
        begin, end, day = edges[0], edges[0], np.int64(0)
        period = 0
        for position in range(pointers[customer], pointers[customer + 1]):
            moment = time[position]
            if moment >= edges[-1]:
                break
            role = roles[position] if len(roles) > 0 else 1
            if role == 0 or (role == 2 and not net) or moment < edges[0]:
                continue
            if not begin <= moment < end:
                period = period_of(moment, edges, pace)
                begin, end = edges[period], edges[period + 1]
                visit += 1
            elif moment // _DAY != day:
                visit += 1
            day = moment // _DAY
            series = of_event[position] if len(of_event) > 0 else of_customer[customer]
            if series < 0 or period < first[series]:
                continue
            cell = cells[series] + period - first[series]
            if len(wholes) > 0:
                counts[cell] += wholes[position]
            elif len(amounts) > 0:
                if np.isnan(amounts[position]):
                    continue
                total = (counts[cell], sums[2, cell] == 0.0, sums[0, cell], sums[1, cell])
                counts[cell], exact, sums[0, cell], sums[1, cell] = add_money(total, wholes, amounts, position)
                sums[2, cell] = 0.0 if exact else 1.0
            elif marks[series] != visit:
                marks[series] = visit
                counts[cell] += 1


@kernel
def lay_out(start, stop, cells, first, edges, codes, times):
    """Write the series and the beginning of each cell; `cells` ends with the number of cells."""
    for series in range(start, stop):
        for cell in range(cells[series], cells[series + 1]):
            codes[cell] = series
            times[cell] = edges[first[series] + cell - cells[series]]

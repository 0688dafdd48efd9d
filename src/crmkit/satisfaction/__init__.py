"""Satisfaction: what answers to a survey say, how sure that is, and what drives it."""

from __future__ import annotations

__all__: list[str] = []

"""bench report: records to a cost table."""

from __future__ import annotations

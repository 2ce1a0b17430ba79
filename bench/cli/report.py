"""bench report: records to a cost table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import options
from bench.record.policy import DEFAULT_POLICY, POLICIES

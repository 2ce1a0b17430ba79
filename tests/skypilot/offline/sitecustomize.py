"""With this folder on PYTHONPATH, SkyPilot starts one controller of managed jobs, and takes AWS for the whole network.

Before it recovers a job it asks whether the network is there, of two servers that a test may not reach. The controller
looks at its job every 5 seconds in place of 15. A server has no predecessor here, for whose end it would wait.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

CHANGES: dict[str, dict[str, Any]] = {
    "sky.backends.backend_utils": {"_TEST_IP_LIST": [os.environ.get("AWS_ENDPOINT_URL")]},
    "sky.jobs.managed_job_refresh_thread": {"_RECOVERY_WAIT_AFTER_ACQUIRE_SECONDS": 0},
    "sky.jobs.utils": {"JOB_STATUS_CHECK_GAP_SECONDS": 5},
    "sky.utils.controller_utils": {"MAX_CONTROLLERS": 1},
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules to change, and changes them as they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name in CHANGES else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            vars(module).update(CHANGES[name])

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this one loader's
        return spec


sys.meta_path.insert(0, _Finder())

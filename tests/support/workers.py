"""Which worker of pytest-xdist runs a test: what a machine has once, or is long in making, has one worker."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # it publishes no types
    """The tests of a file have one worker, and so have those of some folders."""

    def _split_scope(self, nodeid: str) -> str:
        """A machine holds one Slurm cluster. A worker has torch loaded on the fake GPU after ten seconds."""
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("/fake_gpu") or "/skypilot/" in folder else file

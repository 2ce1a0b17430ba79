"""Which worker of pytest-xdist runs a test here: a machine holds one Slurm cluster, so its tests have one worker."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class ByCluster(LoadScopeScheduling):  # type: ignore[misc]  # it publishes no types
    """The tests of a file have one worker, and so have those of a folder below this one."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The folder or the file with which a test goes to one worker."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return file if folder.endswith("skypilot") else folder

"""COCO's summary of a detector, as pycocotools prints it after each evaluation, one figure per line:

     Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.312

The metrics are called AP, AP50, AP75, APs, APm, APl, and AR1, AR10, AR100, ARs, ARm, ARl, as the field calls them.
"""

from __future__ import annotations

import re

from bench.programs.progress import NUMBER, Point, Source, as_number

_LINE = re.compile(
    r"Average (?:Precision|Recall)\s+\((?P<name>AP|AR)\)\s*@\[\s*IoU=(?P<iou>[0-9.:]+)\s*\|\s*area=\s*(?P<area>\w+)"
    rf"\s*\|\s*maxDets=\s*(?P<most>[0-9]+)\s*\]\s*=\s*(?P<value>{NUMBER})"
)
_ALL_OVERLAPS = "0.50:0.95"


class Coco(Source):
    """Reads COCO's summaries on stdout."""

    name = "coco"

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        found = _LINE.search(text) if "@[" in text else None
        value = as_number(found["value"]) if found else None
        if found is None or value is None or value < 0:  # -1: there is nothing of that size
            return None
        return Point(at, metrics={_name(found): value})


def _name(found: re.Match[str]) -> str:
    """What the field calls the figure."""
    if found["area"] != "all":
        part = found["area"][:1]
    elif found["name"] == "AR":
        part = found["most"]
    else:
        part = "" if found["iou"] == _ALL_OVERLAPS else found["iou"].partition(".")[2].ljust(2, "0")
    return found["name"] + part

"""COCO's summary of a detector."""

from bench.programs.progress import Watched
from bench.programs.sources.coco import Coco

SUMMARY = """\
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.312
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.501
 Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ] = 0.334
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = -1.000
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.289
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.401
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.27
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.45
 Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.57
"""


def test_each_figure_has_the_name_that_the_field_gives_it() -> None:
    source = Coco(Watched())
    points = [source.line(line, 1.0) for line in SUMMARY.splitlines()]
    shown = {name: value for point in points if point for name, value in point.metrics.items()}
    assert shown == {
        "AP": 0.312,
        "AP50": 0.501,
        "AP75": 0.334,
        "APm": 0.289,
        "APl": 0.401,
        "AR1": 0.27,
        "AR100": 0.45,
        "ARl": 0.57,
    }

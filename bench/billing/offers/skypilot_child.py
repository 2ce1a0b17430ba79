"""Reads SkyPilot's catalogue and prints one line of JSON per cloud; the first line lists the clouds.

Run by `skypilot.ask` as a process of its own: `python -m bench.billing.offers.skypilot_child '{"model": "H100"}'`.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TextIO

from bench.billing.offers.query import in_short
from bench.billing.offers.skypilot import answer_stream

# Machines that one has already: no catalogue prices them.
_OWN = {"kubernetes", "ssh", "slurm", "vsphere"}


def main(words: dict[str, str | None], out: TextIO) -> None:
    """Print the machines with a GPU of the model (None: any) of one cloud (None: all)."""
    from sky.catalog import list_accelerators
    from sky.catalog.common import get_catalog_path
    from sky.skylet.constants import ALL_CLOUDS

    asked = words["cloud"]
    clouds = [cloud for cloud in ALL_CLOUDS if cloud not in _OWN and asked in (None, cloud)]
    model = re.escape(words["model"]) if words["model"] else None

    def look_up(cloud: str) -> dict[str, Any]:
        try:
            found = list_accelerators(name_filter=model, clouds=cloud, case_sensitive=False, all_regions=True)
        except Exception as error:  # whatever breaks one cloud's catalogue, the others go on
            return {"cloud": cloud, "error": in_short(error)}
        rows = [_row(info) for infos in found.values() for info in infos if isinstance(info.instance_type, str)]
        path = Path(get_catalog_path(f"{cloud}/vms.csv"))
        seen = path.stat().st_mtime if path.exists() else time.time()
        return {"cloud": cloud, "seen": seen, "rows": rows}

    print(json.dumps({"clouds": clouds}), file=out, flush=True)
    if clouds:
        with ThreadPoolExecutor(len(clouds)) as pool:
            for answer in as_completed(pool.submit(look_up, cloud) for cloud in clouds):
                print(json.dumps(answer.result()), file=out, flush=True)


def _row(info: Any) -> dict[str, Any]:
    return {
        "instance_type": info.instance_type,
        "gpu": info.accelerator_name,
        "count": str(float(info.accelerator_count)),
        "price": _text(info.price),
        "spot_price": _text(info.spot_price),
        "region": info.region,
    }


def _text(price: float) -> str | None:
    """As printed, the way the catalogue has it; a double would bring digits of its own."""
    return None if price is None or math.isnan(price) else str(float(price))


if __name__ == "__main__":
    with answer_stream() as answers:
        main(json.loads(sys.argv[1]), answers)

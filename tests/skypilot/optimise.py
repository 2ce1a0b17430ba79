"""What SkyPilot makes of task files: a line of JSON for each machine they would take. Wants a home of its own.

    python optimise.py FILE… [--gpus FILE NAME:COUNT…]

All clouds are taken to be open to the user; no server, no credentials and no network are asked.
"""

# mypy: disable-error-code="import-not-found,attr-defined"
# It takes the folder of task files for SkyPilot where that is not installed.

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import sky
import sky.check
import yaml
from sky import optimizer
from sky.catalog import aws_catalog
from sky.clouds.utils import gcp_utils
from sky.utils import registry

CLOUDS = ("aws", "azure", "gcp", "lambda", "nebius", "oci", "runpod")


def main(files: list[str]) -> None:
    """Each file as it stands, then each machine of its any_of alone; the last file with each of the GPUs given."""
    open_all_clouds()
    end = files.index("--gpus") if "--gpus" in files else len(files)
    for name in files[:end]:
        content = yaml.safe_load(Path(name).read_text())
        say({"file": name, "wanted": None, **optimised(content)})
        shared = {key: value for key, value in content["resources"].items() if key != "any_of"}
        for wanted in content["resources"].get("any_of", []):
            say({"file": name, "wanted": wanted, **optimised({**content, "resources": {**shared, **wanted}})})
    for gpus in files[end + 2 :]:
        name = files[end + 1]
        wanted = {"accelerators": gpus}
        say({"file": name, "wanted": wanted, **optimised(yaml.safe_load(Path(name).read_text()), wanted)})


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


def optimised(content: dict[str, Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
    """The machine that SkyPilot chooses for a task, as `sky launch` overrides it, and its price of an hour."""
    task = sky.Task.from_yaml_config(json.loads(json.dumps(content)))
    if override:
        task.set_resources_override(override)
    with sky.Dag() as dag:
        dag.add(task)
    best = optimizer.Optimizer.optimize(dag, quiet=True).tasks[0].best_resources
    return {
        "cloud": str(best.cloud).lower(),
        "instance_type": best.instance_type,
        "accelerators": best.accelerators,
        "hourly": best.get_cost(3600),
        "labels": best.labels,
        "envs": dict(task.envs),
        "autostop": best.autostop_config.to_yaml_config(),
    }


def open_all_clouds() -> None:
    """Put known answers in place of what SkyPilot asks the clouds."""
    clouds = [registry.CLOUD_REGISTRY.from_str(name) for name in CLOUDS]
    sky.check.get_cached_enabled_clouds_or_refresh = lambda *_, **__: clouds
    sky.check.check_capability = lambda *_, **__: None
    zones = pd.DataFrame({"AvailabilityZone": ["use1-az1"], "AvailabilityZoneName": ["us-east-1a"]})
    aws_catalog._get_az_mappings = lambda *_: zones
    gcp_utils.list_reservations_for_instance_type_in_zone = lambda *_: []
    for cloud in clouds:
        type(cloud).check_quota_available = classmethod(lambda *_: True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""AWS without AWS: moto is EC2, and each machine it starts is this one, behind an SSH server on the loopback.

SkyPilot provisions, sets up and runs as on AWS, one machine at a time. A metadata service tells the machine which
instance it is; the test takes a spot instance back as EC2 does.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3

from tests.skypilot import loopback
from tests.support import ports, processes

ZONE, IMAGE = "us-east-1a", "ami-785db401"
_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
_V100 = "{'Gpus': [{'Name': 'V100', 'Manufacturer': 'NVIDIA', 'Count': 1, 'MemoryInfo': {'SizeInMiB': 16384}}]}"
# Prices of SkyPilot's catalogue in autumn 2025. What is here, it does not fetch.
_CATALOGUE = {
    "vms": f"""\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone,Arch
m6i.large,,,2.0,8.0,,0.096,0.0384,us-east-1,use1-az1,x86_64
p3.2xlarge,V100,1.0,8.0,61.0,"{_V100}",3.06,0.4803,us-east-1,use1-az1,x86_64
""",
    "images": "Tag,Region,OS,OSVersion,ImageId,CreationDate\n"
    + "".join(
        f"skypilot:custom-{kind}-ubuntu{release},us-east-1,ubuntu,22.04,{IMAGE},20250101\n"
        for kind in ("gpu", "cpu")
        for release in ("", "-2204")
    ),
    "instance_quota_mapping": "InstanceType,SpotInstanceCode,OnDemandInstanceCode\n",
}


@dataclass
class LocalAws:
    """The account, and the one machine that it rents out. `environment` is that in which `sky` is called."""

    environment: dict[str, str]
    machine: loopback.Rented
    ec2: Any
    noticed: bool = False
    asking: dict[str, Any] | None = None  # the instance of which a metadata session is

    def running(self) -> dict[str, Any] | None:
        """The instance that runs, as EC2 describes it."""
        return next((found for found in self.instances() if found["State"]["Name"] == "running"), None)

    def instances(self) -> list[dict[str, Any]]:
        """All instances so far, in order of their launch."""
        found = [each for group in self.ec2.describe_instances()["Reservations"] for each in group["Instances"]]
        return sorted(found, key=lambda each: each["LaunchTime"])

    def take_back(self) -> str:
        """Pre-empt the running instance: notice, SIGTERM to all on it, the end once `bench` has ended. Gives its id.

        EC2 gives it two minutes.
        """
        instance = self.running()
        assert instance is not None
        self.asking, self.noticed = instance, True
        for pid in processes.alive(self._on_machine):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        loopback.wait_for(lambda: not processes.alive(self._measures), 120, "the end of `bench` after the notice")
        self.terminate()
        self.noticed = False
        return str(instance["InstanceId"])

    def terminate(self) -> None:
        """The end of the running instance, without notice."""
        instance = self.running()
        assert instance is not None
        self.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        self.switch_off()

    def switch_off(self) -> None:
        """The end of a machine. The next one finds the programs that SkyPilot put there, and nothing else."""
        processes.stop(self._on_machine)
        for path in self.machine.home.iterdir():
            if path.name not in (".ssh", ".cache", ".local", "skypilot-runtime"):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _on_machine(self, pid: int) -> bool:
        return Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam(self.machine.user).pw_uid

    def _measures(self, pid: int) -> bool:
        return self._on_machine(pid) and any(
            word in Path(f"/proc/{pid}/cmdline").read_bytes() for word in (b"sky/run.sh", b"short_bench.py")
        )

    def page(self, path: str) -> str | None:
        """What the metadata service answers on the machine, soon: moto is asked once a session, of its token.

        Not at all where notice was given: all programs end then, and moto may not answer in the time that `bench` has.
        """
        if path == "/latest/api/token":
            self.asking = self.asking if self.noticed else self.running()
            return "token"
        instance = self.asking
        if instance is None:
            return None
        launched = f"{instance['LaunchTime']:%Y-%m-%dT%H:%M:%SZ}"
        pages = {
            "/latest/meta-data/instance-id": instance["InstanceId"],
            "/latest/meta-data/instance-type": instance["InstanceType"],
            "/latest/meta-data/instance-life-cycle": instance.get("InstanceLifecycle", "on-demand"),
            "/latest/meta-data/placement/region": "us-east-1",
            "/latest/meta-data/placement/availability-zone": ZONE,
            "/latest/dynamic/instance-identity/document": json.dumps({"pendingTime": launched}),
        }
        if self.noticed:
            pages["/latest/meta-data/spot/instance-action"] = json.dumps({"action": "terminate"})
        return pages.get(path)


@contextmanager
def local_aws(folder: Path, **variables: str) -> Iterator[LocalAws]:
    """The account, in which nothing runs yet. `variables` stand in the environment of its machines."""
    folder.mkdir(parents=True)
    with _moto(folder) as url, _metadata() as metadata:
        machine_sees = {**variables, "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url}
        # Ray ends what runs where memory is short; other work on this machine is not the rented one's.
        machine_sees["RAY_memory_monitor_refresh_ms"] = "0"
        # Two threads wait for each other busily: beside other work each step takes many times as long.
        machine_sees["OMP_NUM_THREADS"] = "1"
        given = {**_KEYS, "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}
        given["PYTHONPATH"] = str(Path(__file__).with_name("offline"))
        with (
            loopback.sky_home(folder / "sky", **given) as environment,
            loopback.rented("ubuntu", folder / "machine", **machine_sees) as machine,
            loopback.ssh_server(machine, _public_key(environment), folder / "ssh") as port,
        ):
            home = Path(environment["HOME"])
            loopback.catalogue(home, "aws", **_CATALOGUE)
            loopback.catalogue(home, "common", accelerators="AcceleratorName,Clouds\nV100,\"['AWS']\"\n")
            (home / ".sky" / "config.yaml").write_text(
                f"aws:\n  ssh_proxy_command: nc 127.0.0.1 {port}\n  remote_identity: bench\n"
                "allowed_clouds: [aws]\njobs:\n  controller:\n    consolidation_mode: true\n"
            )
            _make_account(environment)
            metadata.aws = LocalAws(environment, machine, _client("ec2", environment))
            yield metadata.aws


@contextmanager
def _moto(folder: Path) -> Iterator[str]:
    port = ports.free_port()
    with (folder / "moto.log").open("wb") as log:
        words = [str(loopback.BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        loopback.wait_for(lambda: ports.listens(port), 300, "moto")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _public_key(environment: Mapping[str, str]) -> str:
    """The key that SkyPilot will put on its machines."""
    code = "from sky.utils.auth_utils import get_or_generate_keys as k; print(open(k()[1]).read())"
    words = [str(loopback.BIN / "python"), "-c", code]
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout


def _make_account(environment: Mapping[str, str]) -> None:
    """What SkyPilot looks for: an instance profile, and a default network with a way out."""
    iam, ec2 = _client("iam", environment), _client("ec2", environment)
    iam.create_role(RoleName="bench", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    iam.create_instance_profile(InstanceProfileName="bench")
    iam.add_role_to_instance_profile(InstanceProfileName="bench", RoleName="bench")
    network = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    tables = ec2.describe_route_tables(
        Filters=[{"Name": "association.main", "Values": ["true"]}, {"Name": "vpc-id", "Values": [network]}]
    )["RouteTables"]
    table = tables[0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def _client(service: str, environment: Mapping[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


class _Metadata(ThreadingHTTPServer):
    """The metadata service of whichever instance runs."""

    daemon_threads = True
    aws: LocalAws | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Metadata

    def do_GET(self) -> None:
        page = self.server.aws and self.server.aws.page(self.path)
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write((page or "").encode())

    do_PUT = do_GET  # noqa: N815 -- the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _metadata() -> Iterator[_Metadata]:
    server = _Metadata(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

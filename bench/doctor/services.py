"""Probes of a command's data and services: data set, store and spool, credentials, SkyPilot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata

from bench.billing.offers.skypilot import installed
from bench.doctor.finding import INSTALL, Context, Finding
from bench.errors import BenchError, DataError
from bench.programs.host import home
from bench.store import LEASES, FolderStore, open_store, spool_folder, spools
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.text import plural
from bench.variables import SPOOL

# Where clients look for credentials: variables, and files below the home folder. What is in them is nobody's business.
_PLACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AWS": (
        ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        (".aws/credentials", ".aws/config"),
    ),
    "Google": (("GOOGLE_APPLICATION_CREDENTIALS",), (".config/gcloud/application_default_credentials.json",)),
    "Azure": (("AZURE_CLIENT_ID",), (".azure/msal_token_cache.json",)),
    "RunPod": (("RUNPOD_API_KEY",), (".runpod/config.toml",)),
    "Lambda": (("LAMBDA_API_KEY",), (".lambda_cloud/lambda_keys",)),
    "Kubernetes": (("KUBECONFIG",), (".kube/config",)),
}


def data(context: Context) -> Iterator[Finding]:
    """CIFAR-10, every file by its checksum."""
    if context.purpose != "run":
        return
    from bench.training import data as cifar10

    try:
        folder = cifar10.find(context.data)
        cifar10.verify(folder)
    except DataError as error:
        yield Finding.of_error("data", error)
    else:
        yield Finding("data", f"CIFAR-10, six files, verified ({folder})")


def store(context: Context) -> Iterator[Finding]:
    """Whether the store takes records; for a report, whether it can be read."""
    try:
        opened = open_store(context.store)
        if context.purpose == "report":
            next(opened.keys(LEASES), None)
        elif isinstance(opened, FolderStore):
            opened.check_place()
        else:
            opened.check_writable()
    except BenchError as error:
        yield Finding.of_error("store", error)
        return
    yield Finding("store", f"{opened.name} {'can be read' if context.purpose == 'report' else 'takes records'}")


def spool(context: Context) -> Iterator[Finding]:
    """Records that wait for a store which could not take them, and whether they could; a sweep has its lock there."""
    try:
        if context.purpose != "report":
            FolderStore(spool_folder()).check_place()
        waiting = {spool.locator: len(spool.waiting()) for spool in spools()}
    except BenchError as error:
        found = str(error).partition("; ")[0].removeprefix("store ")
        yield Finding("spool", found, f"name another folder in {SPOOL.name}", context.purpose == "sweep")
        return
    for locator, count in waiting.items():
        yield Finding("spool", f"{plural(count, 'record')} for {locator}", "bench store drain")
    if not waiting:
        yield Finding("spool", "no records are waiting")


def credentials(context: Context) -> Iterator[Finding]:
    """Which clouds have credentials here, by the names of variables and files alone."""
    folder = home()
    found = []
    for cloud, (variables, files) in _PLACES.items():
        names = [name for name in variables if os.environ.get(name)]
        names += [f"~/{name}" for name in files if folder and (folder / name).exists()]
        if names:
            found.append(f"{cloud} ({', '.join(names)})")
    words = "; ".join(found)
    needed = context.purpose == "sweep" and not words
    yield Finding("credentials", words or "none", "`sky check` says what each cloud needs" if needed else "")


def skypilot(context: Context) -> Iterator[Finding]:
    """SkyPilot, which rents machines; for a sweep, whether it may use a cloud."""
    renting = context.purpose == "sweep"
    if not installed():
        remedy = f"{INSTALL} 'skypilot[aws]', or the extra of another cloud" if renting else ""
        yield Finding("SkyPilot", "not installed; sweeps on rented machines need it", remedy, renting)
        return
    version = metadata.version("skypilot")
    if renting:  # its server takes seconds to start
        try:
            with quietly():
                SkyPilot().check()
        except BenchError as error:
            yield Finding.of_error("SkyPilot", error)
            return
    yield Finding("SkyPilot", f"{version}{', with a cloud enabled' if renting else ''}")

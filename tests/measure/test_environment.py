"""The environment tells of the machine and not of its owner."""

import getpass
import json
import socket

from bench.measure.environment import cores, describe


def test_the_environment_names_neither_host_nor_user_nor_folder() -> None:
    said = json.dumps(describe().model_dump(mode="json"))
    assert socket.gethostname() not in said
    assert "/" not in said.replace("Linux/", "")
    if len(getpass.getuser()) > 4:  # "root" is a word that a kernel's name may hold
        assert getpass.getuser() not in said


def test_the_environment_knows_the_processor_and_the_versions() -> None:
    environment = describe()
    assert environment.cpu
    assert environment.cores == cores() >= 1
    assert environment.python.startswith("3.")

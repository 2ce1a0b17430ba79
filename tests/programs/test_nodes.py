"""Two nodes of one program, on this machine: what the head measures, and what becomes of the other one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bench.programs.archive import build
from bench.programs.job import Head, Job, Node, NodesApart, node_of
from bench.programs.measurement import measure
from bench.programs.running.follower import follow
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
# The first node trains; the second one waits for ever for it, as a peer of a collective operation does.
PROGRAM = """
import json, os, pathlib, subprocess, sys, time
rank, seed = os.environ["SKYPILOT_NODE_RANK"], os.environ["BENCH_SEED"]
pathlib.Path(f"began-{rank}-{seed}").touch()
if rank == "1":
    if sys.argv[1] == "leaves":
        deaf = "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
        left = subprocess.Popen([sys.executable, "-c", deaf + "; pathlib.Path('deaf').touch(); time.sleep(600)"])
        pathlib.Path("left").write_text(str(left.pid))
    sys.exit(3) if sys.argv[1] == "fails" else time.sleep(600)
awaited = {"leaves": "deaf", "waits": f"began-1-{seed}"}.get(sys.argv[1])
while awaited and not os.path.exists(awaited):
    time.sleep(0.01)
for step in range(1, 2000):
    time.sleep(0.01)
    print(json.dumps({"step": step, "total_steps": 2000}), flush=True)
"""


def environment(rank: int, port: int) -> dict[str, str]:
    """What SkyPilot sets on a node of two, both of which are this machine."""
    return {
        **os.environ,
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NUM_NODES": "2",
        "SKYPILOT_NODE_IPS": "127.0.0.1\n127.0.0.1",
        "BENCH_NODES_PORT": str(port),
    }


@pytest.mark.parametrize(
    ("environ", "node"),
    [
        ({}, None),
        ({"SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_NODES": "1", "SKYPILOT_NODE_IPS": "10.0.0.1"}, None),
        (
            {"SKYPILOT_NODE_RANK": "1", "SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"},
            Node(1, 2, "10.0.0.1"),
        ),
        ({"SKYPILOT_NODE_RANK": "x", "SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_IPS": "10.0.0.1"}, None),
    ],
)
def test_what_skypilot_says_of_a_node(environ: dict[str, str], node: Node | None) -> None:
    assert node_of(environ) == node


def follower(folder: Path, port: int, *words: str, grace: float = 5) -> subprocess.Popen[bytes]:
    """A second node, in a process of its own."""
    code = (
        "import os, sys; from bench.programs.job import Job; from bench.programs.job import node_of\n"
        "from bench.programs.running.follower import follow\n"
        f"job = Job(({sys.executable!r}, '-c', {PROGRAM!r}, *sys.argv[1:]), grace={grace})\n"
        f"sys.exit(follow(node_of(os.environ), job, os.environ, 30))"
    )
    environ = {**environment(1, port), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=folder, env=environ)


def measured(folder: Path, port: int, *words: str, seeds: int = 1, **job: Any) -> list[dict[str, Any]]:
    """What the head measures of each run."""
    null = os.open(os.devnull, os.O_WRONLY)
    node = node_of(environment(0, port))
    assert node is not None
    try:
        with Head(node, patience=30) as head:
            command = (sys.executable, "-c", PROGRAM, *words)
            return [
                measure(
                    Job(command, folder=folder, seed=seed, grace=5, **job),
                    environment(0, port),
                    outputs=(null, null),
                    head=head,
                )
                for seed in range(seeds)
            ]
    finally:
        os.close(null)


def test_a_sample_ends_on_every_node_and_the_next_run_begins_on_all(tmp_path: Path) -> None:
    port = free_port()
    other = follower(tmp_path, port, "waits")
    found = measured(tmp_path, port, "waits", seeds=2, steps=5)
    assert other.wait(30) == 0
    assert [(run["status"], run["ended"], run["progress"]["total_steps"]) for run in found] == [
        ("completed", "sampled", 2000)
    ] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["began-0-0", "began-0-1", "began-1-0", "began-1-1"]


def test_a_node_that_fails_ends_the_run_of_all(tmp_path: Path) -> None:
    port = free_port()
    other = follower(tmp_path, port, "fails")
    (found,) = measured(tmp_path, port, "fails", linger=0.2)
    assert other.wait(30) == 0
    assert (found["status"], found["reason"], found["message"]) == ("failed", "ERROR", "node 1 exited with 3")


def test_no_run_begins_without_a_node_that_is_gone(tmp_path: Path) -> None:
    port = free_port()
    other = follower(tmp_path, port, "waits")

    def end_it() -> None:
        while not (tmp_path / "began-1-0").exists():
            time.sleep(0.01)
        other.terminate()

    threading.Thread(target=end_it, daemon=True).start()
    with pytest.raises(NodesApart, match="a node was lost"):
        measured(tmp_path, port, "waits", seeds=2, linger=0.2)
    assert other.wait(30) == 130
    assert not (tmp_path / "began-0-1").exists()


def test_what_a_program_leaves_behind_on_a_node_ends_with_its_run(tmp_path: Path) -> None:
    port = free_port()
    other = follower(tmp_path, port, "leaves", grace=0.5)
    (found,) = measured(tmp_path, port, "leaves", steps=5)
    assert (found["status"], other.wait(30)) == ("completed", 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "left").read_text()), 0)


def test_nodes_that_do_not_come_are_named() -> None:
    first, second = Node(0, 2, "127.0.0.1", free_port()), Node(1, 2, "127.0.0.1", free_port())
    with pytest.raises(NodesApart, match=r"0 of 1 other nodes connected within 0\.1 s"), Head(first, 0.1):
        pass
    with pytest.raises(NodesApart, match=r"node 1 could not reach the first node at 127\.0\.0\.1"):
        follow(second, Job((sys.executable,)), os.environ, 0.1)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NodesApart, match=f"port {port} is taken"), Head(Node(0, 2, "127.0.0.1", port), 0.1):
            pass


def test_whoever_knocks_is_no_node(tmp_path: Path) -> None:
    port = free_port()
    knocks = threading.Thread(target=_knock, args=(port,))
    knocks.start()
    other = follower(tmp_path, port, "waits")
    (found,) = measured(tmp_path, port, "waits", steps=5)
    knocks.join()
    assert (found["status"], other.wait(30)) == ("completed", 0)


def _knock(port: int) -> None:
    """Connect as a scanner of ports does, once there is a server."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as found:
                found.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return
        except OSError:
            time.sleep(0.01)


def test_under_nohup_a_closed_window_does_not_end_a_node() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        node = Node(1, 2, "127.0.0.1", server.getsockname()[1])
        heads = threading.Thread(target=_close_its_window, args=(server,))
        heads.start()
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            assert follow(node, Job((sys.executable,)), os.environ, 30) == 0
        finally:
            signal.signal(signal.SIGHUP, before)
            heads.join()


def _close_its_window(server: socket.socket) -> None:
    """A head of no run, on the node's own machine: it sends the node SIGHUP between two answers of it."""
    node = server.accept()[0]
    with node, node.makefile("rw") as lines:
        assert lines.readline() == "here 1\n"
        for number in (signal.SIGHUP, None):
            lines.write("over\n")
            lines.flush()
            assert lines.readline() == "ended\n"
            if number is not None:
                os.kill(os.getpid(), number)


def test_the_file_that_travels_measures_on_the_first_node_only(tmp_path: Path) -> None:
    port = free_port()
    archive = build(tmp_path / "bench-exec.pyz")
    words = [
        sys.executable,
        str(archive),
        "--steps",
        "5",
        "--name",
        "two",
        "--",
        sys.executable,
        "-c",
        PROGRAM,
        "waits",
    ]
    other = subprocess.Popen(words, cwd=tmp_path, env=environment(1, port), stdout=subprocess.PIPE)
    first = subprocess.run(
        words, cwd=tmp_path, env=environment(0, port), capture_output=True, text=True, timeout=300, check=False
    )
    assert (first.returncode, other.wait(30)) == (0, 0)
    assert first.stdout.count("bench-record: ") == 1
    assert other.stdout is not None
    assert b"bench-record" not in other.stdout.read()

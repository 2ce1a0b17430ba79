"""Secrets of the command, of variables and in texts do not get into a record; what is none stays."""

import socket
from pathlib import Path

import pytest

from bench.programs.redaction import Redaction

# Put together here, so that no scanner of repositories takes them for real ones.
TOKEN = "hf_" + "aB3" * 8
KEY_ID = "AKIA" + "ABCDEFGH12345678"
SERVICE_KEY = "nvapi-" + "aB3-" * 8
SECRETS = ("hunter2hunter2", TOKEN, KEY_ID, SERVICE_KEY, "s3cr3t!")


@pytest.mark.parametrize(
    "argv",
    [
        ["train.py", "--api-key", "hunter2hunter2"],
        ["train.py", "--api_key=hunter2hunter2"],
        ["train.py", "--wandb-token", "hunter2hunter2", "--epochs", "3"],
        ["train.py", "-password=hunter2hunter2"],
        ["env", "WANDB_API_KEY=hunter2hunter2", "python", "train.py"],
        ["bash", "-c", "export HF_TOKEN=hunter2hunter2; python train.py"],
        ["bash", "-c", "python train.py --token hunter2hunter2"],
        ["bash", "-c", "python train.py --token 'hunter2hunter2 x'"],
        ["train.py", TOKEN],
        ["train.py", f"--hub={TOKEN}"],
        ["train.py", KEY_ID],
        ["train.py", "s3://bucket", "https://me:hunter2hunter2@example.com/data"],
        ["train.py", "postgres://me:first@hunter2hunter2@example.com/data"],
        ["train.py", "https://example.com/data?sig=1&token=hunter2hunter2"],
        ["curl", "-H", "Authorization: Bearer hunter2hunter2"],
        ["train.py", '{"password": "hunter2hunter2"}'],
        ["curl", "-H", "Authorization: Basic hunter2hunter2"],
        ["train.py", "https://a.blob.core.windows.net/data?sv=2026&sig=hunter2hunter2"],
        ["train.py", "https://b.s3.amazonaws.com/x?X-Amz-Expires=60&X-Amz-Signature=hunter2hunter2"],
        ["train.py", SERVICE_KEY],
        ["train.py", "--hfToken", "hunter2hunter2"],
        ["train.py", "wandbApiKey=hunter2hunter2"],
        ["train.py", '{"accessToken":"hunter2hunter2"}'],
        ["train.py", "--api-keys", "hunter2hunter2"],
        ["train.py", "HF_TOKEN2=hunter2hunter2"],
        ["train.py", "DB_PASS=hunter2hunter2"],
        ["train.py", "--client-secret", "hunter2hunter2"],
        ["train.py", "++wandb.api_key=hunter2hunter2"],
        ["train.py", "wandb={api_key:hunter2hunter2,project:x}"],
        ["train.py", "--opts", "WANDB.API_KEY", "hunter2hunter2", "MODEL.DEPTH", "3"],
        ["train.py", "--password=first, hunter2hunter2 & more;hunter2hunter2"],
        ["bash", "-c", "PASSWORD=first,hunter2hunter2 python train.py"],
        ["bash", "-c", "python train.py --token \\\n  hunter2hunter2"],
        ["bash", "-c", "TOKEN='first'\"hunter2hunter2\" python train.py"],
        ["bash", "-c", 'TOKEN="a\\"hunter2hunter2" python train.py'],
        ["bash", "-c", "TOKEN=${TOKEN:-hunter2hunter2} python train.py"],
        ["bash", "-c", "wandb login --relogin hunter2hunter2 && python train.py"],
        ["bash", "-c", "curl -u me:hunter2hunter2 -O https://example.com/data; python train.py"],
        ["curl", "--user", "me:hunter2hunter2", "https://example.com"],
        ["curl", "-H", "authorization: token hunter2hunter2"],
        ["curl", "-H", "Cookie: sid=hunter2hunter2"],
        ["python", "-c", "os.environ['HF_TOKEN'] = 'hunter2hunter2'"],
        ["train.py", "https://hooks.slack.com/services/hunter2hunter2"],
        ["train.py", "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----"],
    ],
)
def test_no_secret_of_a_command_stays(argv: list[str]) -> None:
    struck = " ".join(Redaction({}).argv(argv))
    assert not [secret for secret in SECRETS if secret in struck]
    assert "***" in struck


def test_what_a_variable_of_a_secrets_name_holds_is_struck_out_everywhere() -> None:
    redaction = Redaction({"MY_PASSWORD": "s3cr3t!", "HOME_TOWN": "Springfield", "TOKEN": "abc"})
    assert redaction.argv(["x", "--pw", "as3cr3t!b", "Springfield", "abc"]) == [
        "x",
        "--pw",
        "a***b",
        "Springfield",
        "abc",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ["torchrun", "--nproc-per-node", "8", "train.py", "--max-tokens", "512", "--tokenizer", "gpt2", "--lr=1e-3"],
        ["python", "-m", "pkg.train", "--author", "me", "--keyframes", "12", "--monkey=1", "--seed", "{seed}"],
        ["train.py", "--token", "--flag"],
        [
            "train.py",
            "--pad-token",
            "<pad>",
            "--eos_token_id=2",
            "--image_key",
            "jpg",
            "--d-key=64",
            "--key-frames",
            "3",
        ],
        ["train.py", "--bytes-per-token", "3.25", "--tokens", "10000000", "model.cls_token=true", "--auth", "none"],
        ["train.py", "--data", "/data/tokens/gpt2", "--token-file", "/run/secrets/hf", "--num_key_value_heads", "8"],
        ["docker", "run", "--user", "1000:1000", "image", "python", "-u", "train.py"],
        ["bash", "-c", "export PYTHONPATH=$PWD:$PYTHONPATH; TOKEN=$HF_TOKEN python train.py --key ${KEY} --lr 3"],
    ],
)
def test_what_is_no_secret_stays(argv: list[str]) -> None:
    assert Redaction({}).argv(argv) == argv


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert Redaction({"MY_TOKEN": "hunter2"}).argv(["~/data", "hunter2"]) == ["~/data", "***"]


def test_the_working_folder_is_no_password() -> None:
    argv = ["python", "src/train/main.py"]
    assert Redaction({"PWD": "/train", "OLDPWD": "/main.py"}).argv(argv) == argv


def test_a_password_may_be_a_short_number() -> None:
    assert Redaction({}).argv(["x", "--password", "1234", "DB_PASS=12"]) == ["x", "--password", "***", "DB_PASS=***"]


def test_no_name_of_a_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    words = [
        "/root/data",
        "-I/root",
        "/data/root/x",
        "/mnt/rootfs",
        "/home/alice/x",
        "/Users/alice",
        "/scratch/bobby/x",
    ]
    words += ["bobby@example.com:x", "bobby.py"]
    assert Redaction({"USER": "bobby"}).argv(words) == [
        "~/data",
        "-I/root",
        "/data/root/x",
        "/mnt/rootfs",
        "/home/***/x",
        "/Users/***",
        "/scratch/***/x",
        "***@example.com:x",
        "bobby.py",
    ]


def test_no_name_or_address_of_a_host_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "trainer.example.com")
    words = [
        "tcp://trainer:80",
        "trainer.lab.example.com:80",
        "trainer.py",
        "trainers",
        "10.1.2.3:80",
        "127.0.0.1",
        "v1.2.3.4",
    ]
    assert Redaction({}).argv(words) == [
        "tcp://***:80",
        "***:80",
        "trainer.py",
        "trainers",
        "***:80",
        "127.0.0.1",
        "v1.2.3.4",
    ]


def test_neither_home_nor_host_stays() -> None:
    words = [f"{Path.home()}/data", socket.gethostname()]
    struck = Redaction({}).argv(words)
    assert struck[0] == "~/data"
    assert len(socket.gethostname()) <= 3 or struck[1] == "***"

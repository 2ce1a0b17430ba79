"""Redacts what must not be in a record: secrets, and the names of users and hosts.

A secret is known by the name that it is given under (`--api-key X`, `TOKEN=x`), by its form (`hf_…`), by its place in
a URL, or because a variable of a secret's name holds it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping

from bench.programs.host import hide_home

STRUCK = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # of api-key, api_key, apiKey and HF_TOKEN2
# What may follow the word that decides.
_AFTER = re.compile(r"id|b64|base64|b|base|value|\d+")
# The last word of a name decides: --api-key and HF_TOKEN hold a secret, --max-tokens and --tokenizer do not.
_SECRET = re.compile(
    r"token|key|pass|pwd|\w*(?:passw(?:or)?ds?|passphrase|secrets?|apikeys?|accesskey|privatekey|authtoken)"
    r"|credentials?|auth|authorization|cookie|dsn|sas|sig|signature"
)
_MANY = {"tokens", "keys"}  # are secrets where these come before them, and otherwise what a text consists of
_OF_ACCESS = {"api", "access", "auth", "secret"}
# What a model or a table calls a token, a key or a pass.
_HARMLESS = re.compile(
    "audio|backward|begin|bos|class|cls|column|d|dim|end|eos|first|forward|group|image|img|index|join|label|mask|metric"
    "|monitor|n|num|pad|per|prefix|primary|prompt|second|sep|sort|sorting|special|start|stop|target|text|unk|video"
)
_NAME = r"[A-Za-z_][\w.-]*"
_NAMED = re.compile(rf"(?<![\w.$-])(?:-*(?P<name>{_NAME})[\"']?\]?\s*[=:]\s*|--?(?P<option>{_NAME})\s+(?!-))")
# A word as a shell reads it; a comma before another name ends it.
_VALUE = re.compile(
    r"(?:(?:bearer|basic|token|apikey)\s+)?"
    r"(?:(?:\$?'[^']*'|\"(?:\\.|[^\"\\])*\")+|(?:\\\n\s*|\\.|,(?!\s|[\w.-]+[=:])|[^\s&;,\\])+)",
    re.IGNORECASE | re.DOTALL,
)
# No secrets: a variable, a word in brackets as tokenizers have it, a switch; and a short number, if not of a password.
_HARMLESS_VALUE = re.compile(
    r"[\"']?(?:\$\w+|\$\{\w+\}|</?\|?\w*\|?>|\[[A-Z]+\]|true|false|none|null|)[\"'}\])]*", re.IGNORECASE
)
_SHORT_NUMBER = re.compile(r"[\d.]{1,5}")
_IN_URL = re.compile(r"(?<=://)[^/?#\s]+(?=@)")  # up to the last: a password may have one in it
_BEARER = re.compile(r"(?<=bearer )[^\s\"']+", re.IGNORECASE)
_USER_OPTIONS = ("-u", "--user", "--proxy-user")  # of curl: a name, a colon, a password
_FOR_USER = re.compile(
    r"(?P<who>(?<!\S)(?:-u\s*|--(?:proxy-)?user[\s=]\s*)[\"']?(?=[\w.@-]*[A-Za-z])[\w.@-]+:)(?!//)[^\s\"']+"
)
_LOGIN = re.compile(r"(?P<who>\bwandb\s+login(?:\s+--[\w-]+)*\s+)(?![-$])[^\s;&|]+")
_FORMS = re.compile(
    r"\b(?:hf_\w{16,}|sk-[\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}"
    r"|A(?:KI|SI)A[0-9A-Z]{16}|AIza[\w-]{30,}|ey[\w-]{10,}\.ey[\w-]{10,}\.[\w-]*|npm_\w{20,}|pypi-[\w-]{20,}"
    r"|nvapi-[\w-]{20,}|dckr_pat_[\w-]{16,}|r8_\w{20,}|rpa_\w{20,}|gsk_\w{20,}|wandb_v1_\w{20,}|[sr]k_live_\w{16,}"
    r"|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|(?<=hooks\.slack\.com/services/)\S+)"
    r"|(?<=PRIVATE KEY-----).*?(?=-----END|\Z)",
    re.DOTALL,
)
_USERS_FOLDER = re.compile(r"(?P<folder>/(?:home|Users)/)[^/\s\"':;,=]+")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = re.compile(rf"(?<![\w.-])(?!127\.|0\.0\.0\.0)(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d)")
_SHORTEST = 6  # a shorter value of a variable would strike out half of a text


def is_secret(name: str) -> bool:
    """Whether what is called `name` is a secret."""
    words = [word.lower() for word in _WORDS.findall(name)]
    while len(words) > 1 and _AFTER.fullmatch(words[-1]):
        words.pop()
    if not words or name in ("PWD", "OLDPWD"):  # the shell's folders
        return False
    *before, last = words
    if last in _MANY:
        return bool(before) and before[-1] in _OF_ACCESS
    return bool(_SECRET.fullmatch(last)) and not (before and _HARMLESS.fullmatch(before[-1]))


class Redaction:
    """Strikes secrets out of texts; it knows those in the variables `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {value for name, value in environ.items() if len(value) >= _SHORTEST and is_secret(name)}
        # The longest first: one may be a part of another.
        self._values = sorted(values, key=len, reverse=True)
        self._names = _names_pattern(environ)

    def text(self, text: str) -> str:
        """`text` with a mark in place of each secret, and of what has no UTF-8."""
        text = text.encode("utf-8", "replace").decode()
        for value in self._values:
            text = text.replace(value, STRUCK)
        text = _IN_URL.sub(STRUCK, text)
        text = _FORMS.sub(STRUCK, text)
        text = _FOR_USER.sub(rf"\g<who>{STRUCK}", text)
        text = _LOGIN.sub(rf"\g<who>{STRUCK}", text)
        text = _BEARER.sub(STRUCK, _without_given(text))
        text = _USERS_FOLDER.sub(rf"\g<folder>{STRUCK}", hide_home(text))
        text = _ADDRESS.sub(STRUCK, text)
        return self._names.sub(STRUCK, text) if self._names else text

    def argv(self, words: Iterable[str]) -> list[str]:
        """The words of a command; what a secret's name is given is struck out whole."""
        struck: list[str] = []
        before = ""
        for word in words:
            is_value = _asks(before) and not (word.startswith("-") and len(word) > 1)
            struck.append(_value(before, word) if is_value else self._word(word, before))
            before = "" if is_value else word
        return struck

    def _word(self, word: str, before: str) -> str:
        name, equals, value = word.partition("=")
        # Spaces and commas are of the value: only in a script, after `bash -c`, something else may follow.
        is_option = name.startswith("-") or not re.search(r"\s", word)
        if equals and is_option and re.fullmatch(rf"-*{_NAME}", name) and is_secret(name):
            return f"{self.text(name)}={_value(name, value)}"
        if before in _USER_OPTIONS:
            return self.text(f"{before} {word}")[len(before) + 1 :]
        return self.text(word)


def _asks(word: str) -> bool:
    """Whether the next word of a command is a secret: after `--api-key`, or `wandb.api_key` of a configuration."""
    return bool(re.fullmatch(rf"--?{_NAME}|\w+(?:\.\w+)*\.[A-Za-z]+_\w+", word)) and is_secret(word)


def _value(name: str, value: str) -> str:
    """`value`, which is given to a secret called `name`, struck out if it can be one."""
    is_password = re.search(r"pass|pwd", name, re.IGNORECASE)
    harmless = _HARMLESS_VALUE.fullmatch(value) or (not is_password and _SHORT_NUMBER.fullmatch(value))
    return value if harmless else STRUCK


def _without_given(text: str) -> str:
    """`text` without what is given to a secret's name in it."""
    parts: list[str] = []
    end = 0
    for named in _NAMED.finditer(text):
        name = named["name"] or named["option"]
        value = _VALUE.match(text, named.end()) if named.start() >= end and is_secret(name) else None
        if value:
            parts += text[end : named.end()], _value(name, value[0])
            end = value.end()
    return "".join([*parts, text[end:]])


def _names_pattern(environ: Mapping[str, str]) -> re.Pattern[str] | None:
    """The host's name, with the domain that follows it, and that of the user as a folder or before an @."""
    host = socket.gethostname().partition(".")[0]
    user = environ.get("USER") or environ.get("LOGNAME") or ""
    names = []
    if len(host) > 3 and host != "localhost":
        no_file = r"(?!\.(?:py|sh|ya?ml|json|toml|txt|log)\b)"  # a container may be called as the program in it
        names.append(rf"(?<![\w-]){re.escape(host)}(?![\w-]){no_file}(?:\.\w[\w-]*)*")
    if len(user) > 3 and user != "root":
        names.append(rf"(?<=/){re.escape(user)}(?=[/\s:\"',]|$)|(?<![\w.-]){re.escape(user)}(?=@)")
    return re.compile("|".join(names)) if names else None

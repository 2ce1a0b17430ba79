"""Redacts what must not be in a record: passwords, tokens and keys, the user's home folder, the host name.

A secret is known by the name that it is given under (`--api-key X`, `TOKEN=x`), by its form (`hf_…`), by its place in
a URL, or because a variable of a secret's name holds it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping

from bench.programs.host import hide_home

STRUCK = "***"

# The last word of a name decides: --api-key and HF_TOKEN hold a secret, --max-tokens and --tokenizer do not.
_NAMES = (
    r"(?:[\w.-]*[_.-])?(?:token|secret|passw(?:or)?d|passphrase|pwd|(?:api|access|secret|private|account)?key"
    r"|credentials?|auth|dsn|sas|sig(?:nature)?)(?:[_-](?:id|b64|base64))?"
)
_SECRET_NAME = re.compile(rf"-*{_NAMES}", re.IGNORECASE)
_GIVEN = re.compile(
    rf"(?P<name>(?<![\w.-])(?:-*{_NAMES}[\"']?\s*[=:]\s*|--?{_NAMES}\s+(?!-)))(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,]+)",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)[^/?#\s]+(?=@)")  # up to the last: a password may have one in it
_BEARER = re.compile(r"(?i)(?:(?<=bearer )|(?<=authorization: basic ))\S+")
_FORMS = re.compile(
    r"\b(?:hf_\w{16,}|sk-[\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}"
    r"|A(?:KI|SI)A[0-9A-Z]{16}|AIza[\w-]{30,}|ey[\w-]{10,}\.ey[\w-]{10,}\.[\w-]*|npm_\w{20,}|pypi-[\w-]{20,}"
    r"|nvapi-[\w-]{20,}|dckr_pat_[\w-]{16,}|r8_\w{20,}|rpa_\w{20,})"
)
_SHORTEST = 6  # a shorter value of a variable would strike out half of a text


class Redaction:
    """Strikes secrets out of texts; it knows those in the variables `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {value for name, value in environ.items() if len(value) >= _SHORTEST and _SECRET_NAME.fullmatch(name)}
        # The longest first: one may be a part of another.
        self._values = sorted(values, key=len, reverse=True)
        host = socket.gethostname()
        self._host = re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-])") if len(host) > 3 else None

    def text(self, text: str) -> str:
        """`text` with a mark in place of each secret, and of what has no UTF-8."""
        text = text.encode("utf-8", "replace").decode()
        for value in self._values:
            text = text.replace(value, STRUCK)
        text = _IN_URL.sub(STRUCK, text)
        text = _BEARER.sub(STRUCK, text)
        text = _FORMS.sub(STRUCK, text)
        text = _GIVEN.sub(rf"\g<name>{STRUCK}", text)
        text = hide_home(text)
        return self._host.sub(STRUCK, text) if self._host else text

    def argv(self, words: Iterable[str]) -> list[str]:
        """The words of a command; what follows an option of a secret's name is struck out whole."""
        struck = []
        follows = False
        for word in words:
            if follows and not (word.startswith("-") and len(word) > 1):
                struck.append(STRUCK)
                follows = False
                continue
            follows = word.startswith("-") and "=" not in word and bool(_SECRET_NAME.fullmatch(word))
            struck.append(self.text(word))
        return struck

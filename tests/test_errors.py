"""An error of the user's is one line, whatever it repeats of somebody else's words."""

import pytest

from bench.errors import BenchError, RecordError, StoreError


@pytest.mark.parametrize("kind", [BenchError, RecordError, StoreError])
@pytest.mark.parametrize("words", ["a\nb", "a \r\n\n\tb", "\u2028a\nb\n"])
def test_its_message_has_no_line_of_its_own(kind: type[BenchError], words: str) -> None:
    assert str(kind(words)) == "a b"

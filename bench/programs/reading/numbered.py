"""Counts without a name of their own in front of a line's values.

XGBoost's rounds and CatBoost's, `[10]\\ttrain-rmse:0.5`, `10:\\tlearn: 0.5`; JAX's steps, `[100] loss=0.5`; epoch and
batch of PyTorch's tutorial, `[1,  2000] loss: 2.2`, and of many programs, `Train: [0/300][10/1251]`; DINO's step,
`Training  [  100/125000]`; ESPnet's, `1epoch:train:1-50batch:`; Catalyst's epochs, `1/10 * Epoch (train):`.
"""

from __future__ import annotations

import re

from bench.programs.progress import Pairs

_NUMBERED = re.compile(
    r"\s*(?:(?:\[(?P<round>[0-9]+)\]|(?P<index>[0-9]+):)\t|\[(?P<step>[0-9]+)\]\s+(?=[\w./]+=)"
    r"|\[(?P<epoch>[0-9]+),\s+(?P<batch>[0-9]+)\]\s"
    r"|(?:train(?:ing)?:?\s*)?\[\s*(?P<part>[0-9]+)/(?P<parts>[0-9]+)\]\s*\[\s*(?P<at>[0-9]+)/(?P<of>[0-9]+)\]"
    r"|train(?:ing)?:?\s*\[\s*(?P<count>[0-9]+)/(?P<total>[0-9]+)\]"
    r"|(?P<whole>[0-9]+)epoch:train:[0-9]+-(?P<ends>[0-9]+)batch:"
    r"|(?P<nth>[0-9]+)/(?P<all>[0-9]+) \* epoch \(\w{1,20}\):)",
    re.IGNORECASE,
)
_COUNTS = {
    **dict.fromkeys(("round", "index", "step", "batch", "at", "count", "ends"), "step"),
    **dict.fromkeys(("epoch", "part", "whole", "nth"), "epoch"),
    **dict.fromkeys(("parts", "all"), "epochs"),
    **dict.fromkeys(("of", "total"), "of"),
}


def numbered(text: str) -> tuple[Pairs, str]:
    """The counts that a line begins with, and the line behind them; of any other none, and the whole line."""
    found = _NUMBERED.match(text)
    if found is None:
        return [], text
    return [(kind, found[group]) for group, kind in _COUNTS.items() if found[group]], text[found.end() :]

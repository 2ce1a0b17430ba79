"""How large the house is and how much its files lean on each other: one column a git revision.

    python benchmarks/house.py ab67ad0 HEAD

Without a revision it counts HEAD; only what is committed counts. Internal imports are statements `from bench… import`
and `from analysis… import`.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import PurePosixPath
from statistics import median

Figures = dict[str, str]


def git(*words: str) -> str:
    """What git says."""
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def sources(revision: str) -> dict[str, str]:
    """The text of each Python file of bench/ and analysis/."""
    names = git("ls-tree", "-r", "--name-only", revision, "bench", "analysis").splitlines()
    return {name: git("show", f"{revision}:{name}") for name in names if name.endswith(".py")}


def internal_imports(text: str) -> int:
    """How many statements import from this repository."""
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return sum((node.module or "").partition(".")[0] in {"bench", "analysis"} for node in nodes)


def formatter_comments(text: str) -> int:
    """How many comments hold the formatter off."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and re.match(r"# *fmt:", token.string) is not None for token in tokens)


def figures(revision: str) -> Figures:
    """What is counted at one revision."""
    texts = sources(revision)
    lengths = [len(text.splitlines()) for text in texts.values()]
    lines = sum(lengths)
    imports = sum(map(internal_imports, texts.values()))
    folder, most = Counter(str(PurePosixPath(name).parent) for name in texts).most_common(1)[0]
    return {
        "files": str(len(texts)),
        "lines": str(lines),
        "median lines": f"{median(lengths):g}",
        "most files in a folder": f"{most} ({folder})",
        "longest file, lines": str(max(lengths)),
        "internal imports": str(imports),
        "internal imports per 1,000 lines": f"{1000 * imports / lines:.1f}",
        "fmt: comments": str(sum(map(formatter_comments, texts.values()))),
        "words of README": str(len(git("show", f"{revision}:README.md").split())),
    }


def main() -> None:
    """Print a Markdown table."""
    revisions = sys.argv[1:] or ["HEAD"]
    columns = [figures(revision) for revision in revisions]
    names = [git("rev-parse", "--short", revision).strip() for revision in revisions]
    print("|", " | ".join(["bench/ and analysis/", *names]), "|")
    print("|-" + "|-:" * len(names) + "|")
    for row in columns[0]:
        print("|", " | ".join([row, *(column[row] for column in columns)]), "|")


if __name__ == "__main__":
    main()

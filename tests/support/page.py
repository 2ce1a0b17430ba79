"""A page taken apart by Python's own parser: enough to ask what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

_VOID = {"meta", "link", "br"}


class Element:
    """A tag with its attributes; its children are elements and text, in order."""

    def __init__(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def all(self, tag: str) -> list[Element]:
        """The elements of this tag below, in order."""
        found: list[Element] = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] if child.tag == tag else []
                found += child.all(tag)
        return found

    def every(self) -> list[Element]:
        """This element and all below."""
        return [self, *(e for child in self.children if isinstance(child, Element) for e in child.every())]

    @property
    def text(self) -> str:
        """All text below. A line break is nothing: a page has a space before it, as a telephone shows none."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def elements(self) -> list[Element]:
        """The elements right below."""
        return [child for child in self.children if isinstance(child, Element)]

    def rows(self) -> list[list[str]]:
        """The texts of a table's body."""
        return [[c.text for c in r.elements()] for r in self.all("tbody")[0].all("tr")]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("page", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """The page's root. Fails where a tag is not closed or an attribute stands twice."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert parser.open == [parser.root]
    return parser.root


def table_of(tree: Element, name: str) -> Element:
    return next(table for table in tree.all("table") if table.attributes.get("id") == f"{name}-table")


def cost_table_of(tree: Element) -> Element:
    """The table of every row and column."""
    return table_of(tree, "all-rows")


def words(cell: Element) -> str:
    """What the cell says, without the numbers of its notes."""
    marks = [button.text for button in cell.all("button")]
    text = " ".join(cell.text.split())
    for mark in marks:
        text = text.replace(f" {mark}", "", 1)
    return text

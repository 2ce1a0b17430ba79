"""A page taken apart by Python's own parser: enough to ask what is in it."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "link", "br"}


class Element:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children = tag, attributes, []

    def all(self, tag):
        """The elements of this tag below, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] if child.tag == tag else []
                found += child.all(tag)
        return found

    def every(self):
        return [self, *(e for child in self.children if isinstance(child, Element) for e in child.every())]

    @property
    def text(self):
        return "".join(
            " " if isinstance(c, Element) and c.tag == "br" else getattr(c, "text", c) for c in self.children
        )

    def rows(self):
        """The texts of a table's body."""
        return [[c.text for c in r.children if isinstance(c, Element)] for r in self.all("tbody")[0].all("tr")]


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("page", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse(html):
    """The page's root. Fails where a tag is not closed or an attribute stands twice."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert parser.open == [parser.root]
    return parser.root

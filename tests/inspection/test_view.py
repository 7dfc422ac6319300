from __future__ import annotations

from graphc.inspection.view import Code, Column, Note, View, table


def test_columns_are_as_wide_as_their_contents() -> None:
    columns = (Column("name"), Column("bytes", right=True), Column("at"))
    rows = [("a", 4096, ""), ("longer", 8, "net.py:3")]
    assert table(columns, rows).lines() == [
        "name    bytes  at",
        "a        4096",
        "longer      8  net.py:3",
    ]


def test_blocks_stand_apart_in_the_text() -> None:
    view = View({}, (Note("head"), Code("a\nb", "graph")))
    assert view.text == "head\n\na\nb"


def test_code_is_the_only_block_of_code_or_else_the_text() -> None:
    one = View({}, (Note("head"), Code("a", "graph")))
    two = View({}, (Code("a", "graph"), Code("b", "graph")))
    assert (one.code, two.code) == ("a", "a\n\nb")

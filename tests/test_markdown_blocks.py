"""The reader of documents finds every block, and fails on each kind of wrong one."""

from __future__ import annotations

import click
import pytest

from tests.markdown_blocks import Block, DocumentError, parse, run_document


@click.group()
def cli() -> None:
    """A stand-in for the command line."""


@cli.command()
@click.argument("words", nargs=-1)
def echo(words: tuple[str, ...]) -> None:
    click.echo("|".join(words))


@cli.command()
def crash() -> None:
    raise RuntimeError("no such graph")


GOOD = """\
# Title
```python
x = 2
```
Prose, and a list:

1. Indented:

   ```python
   def twice(a):
       return 2 * a
   print("x =", twice(x))
   print("took 3 ms")
   ```

   <!-- output -->

   ```text
   x = 4
   took ... ms
   ```

<!-- no-run -->
```python
raise SystemExit("never run")
```

````markdown
```python
raise SystemExit("only quoted")
```
````

```console
$ graphc echo one 'two | three' \\
    four   # a remark
one|two | three|four
$ make something
```
<!-- output -->
```text
one|two | three|four
```
<!-- toc -->
A comment of one word before prose is no directive.
"""


def test_parse_finds_language_text_line_and_directive() -> None:
    blocks = parse(GOOD, "good.md")
    assert [(b.language, b.line, b.directive) for b in blocks] == [
        ("python", 3, None),
        ("python", 10, None),
        ("text", 19, "output"),
        ("python", 25, "no-run"),
        ("markdown", 29, None),
        ("console", 35, None),
        ("text", 42, "output"),
    ]
    assert blocks[0] == Block("python", "x = 2\n", 3)
    assert blocks[1].text.startswith("def twice(a):\n    return 2 * a\n")


def test_blocks_share_a_namespace_and_run_in_order() -> None:
    assert run_document(GOOD, "good.md", cli) == 3


def fenced(language: str, text: str, directive: str = "") -> str:
    comment = f"<!-- {directive} -->\n" if directive else ""
    return f"{comment}```{language}\n{text}\n```\n"


PRINTS_4 = fenced("python", "print(4)")

WRONG = {
    "another output": (PRINTS_4 + fenced("text", "5", "output"), "bad.md:6: the output differs"),
    "output missing a line": (
        fenced("python", "print(4)\nprint(5)") + fenced("text", "4", "output"),
        "the output differs",
    ),
    "output of nothing": (
        fenced("python", "x = 4") + fenced("text", "4", "output"),
        "the output differs",
    ),
    "one for true": (
        fenced("python", "print(True)") + fenced("text", "1", "output"),
        "the output differs",
    ),
    "output that cannot fail": (
        PRINTS_4 + fenced("text", "...", "output"),
        "anything would match",
    ),
    "output after a block left out": (
        fenced("python", "print(4)", "no-run") + fenced("text", "4", "output"),
        "no block that runs stands directly before",
    ),
    "output after another block": (
        PRINTS_4 + fenced("text", "4") + fenced("text", "4", "output"),
        "no block that runs stands directly before",
    ),
    "exception": (fenced("python", "\n1 / 0"), "bad.md:2: ZeroDivisionError"),
    "syntax error": (fenced("python", "1 +"), "SyntaxError"),
    "name of another document": (fenced("python", "twice(2)"), "NameError: name 'twice'"),
    "failing command": (fenced("console", "$ graphc crash"), "exit code 1: graphc crash"),
    "unknown command": (fenced("console", "text\n$ graphc nope"), "bad.md:3: exit code 2"),
    "command for a shell": (fenced("console", "$ graphc echo a >b"), "needs a shell"),
    "output of another command": (
        fenced("console", "$ graphc echo a") + fenced("text", "b", "output"),
        "the output differs",
    ),
    "unclosed fence": ("```python\nx = 1\n", "bad.md:1: this fence is never closed"),
    "misspelt directive": (fenced("python", "x = 1", "norun"), "unknown directive 'norun'"),
    "directive on another language": (fenced("text", "4", "no-run"), "'no-run' before a 'text'"),
    "output on python": (PRINTS_4 + fenced("python", "4", "output"), "'output' before a 'python'"),
    "directive before prose": ("<!-- no-run -->\nprose\n", "bad.md:1: no block follows 'no-run'"),
    "directive at the end": (PRINTS_4 + "<!-- output -->\n", "no block follows 'output'"),
    "language that is not run": (fenced("py", "x = 1"), "call it 'python'"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_document_fails(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        run_document(text, "bad.md", cli)
    assert message in str(caught.value)


def test_an_error_in_a_block_points_at_the_line_of_the_document() -> None:
    with pytest.raises(DocumentError) as caught:
        run_document("prose\n" + fenced("python", "x = 1\ny = 0\nx / y"), "bad.md", cli)
    cause = caught.value.__cause__
    assert cause is not None and cause.__traceback__ is not None
    frame = cause.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    assert (frame.tb_frame.f_code.co_filename, frame.tb_lineno) == ("bad.md", 5)

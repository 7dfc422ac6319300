"""Fenced blocks of a Markdown document: read by `parse`, run in order by `run_document`.

The blocks of one document share a namespace, as if it were read aloud to one interpreter.

- ```python blocks are executed.
- ```console blocks: each `$ graphc ...` line is given to the command line and must succeed. Lines
  that start other programs, and what a command printed, are for the reader only.
- `<!-- no-run -->` before a block leaves it out.
- `<!-- output -->` before a ```text block says that the block above printed exactly this; `...`
  stands for anything, as in a doctest.

Whatever looks like one of these and is not (a misspelt directive, an output that nothing printed,
an unclosed fence) is an error rather than a block that is never checked.
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import click
from click.testing import CliRunner

FENCE = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)")
DIRECTIVE = re.compile(r"\s*<!--\s*(?P<word>[\w-]+)\s*-->\s*")
LANGUAGES_OF = {"no-run": ("python", "console"), "output": ("text",)}
MISNAMED = {"py": "python", "python3": "python", "pycon": "python", "shell-session": "console"}


class DocumentError(Exception):
    """A block that does not do what its document says, with the document's name and line."""


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is the number of the first line of its text, counted from 1."""

    language: str
    text: str
    line: int
    directive: str | None = None


def parse(text: str, name: str) -> list[Block]:
    """All fenced blocks of `text` in order; `name` is used in the messages of `DocumentError`."""
    blocks: list[Block] = []
    pending: tuple[int, str] | None = None
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if fence := FENCE.fullmatch(line):
            body = _body(fence, lines, f"{name}:{number}")
            directive = pending[1] if pending else None
            blocks.append(Block(_language(fence), body, number + 1, directive))
            _check_block(blocks[-1], f"{name}:{number}")
            pending = None
        elif line.strip():
            _check_not_pending(pending, name)
            comment = DIRECTIVE.fullmatch(line)
            pending = (number, comment["word"]) if comment else None
    _check_not_pending(pending, name)
    return blocks


def _language(fence: re.Match[str]) -> str:
    words = fence["info"].split()
    return words[0].lower() if words else ""


def _body(fence: re.Match[str], lines: Iterator[tuple[int, str]], place: str) -> str:
    indent, mark = len(fence["indent"]), fence["mark"]
    body: list[str] = []
    for _, line in lines:
        bare = line.strip()
        if len(bare) >= len(mark) and set(bare) == {mark[0]}:
            return "".join(f"{row}\n" for row in body)
        margin = min(indent, len(line) - len(line.lstrip(" ")))
        body.append(line[margin:])
    raise DocumentError(f"{place}: this fence is never closed")


def _check_block(block: Block, place: str) -> None:
    if block.language in MISNAMED:
        raise DocumentError(
            f"{place}: a block called {block.language!r} is not run; "
            f"call it {MISNAMED[block.language]!r}"
        )
    if block.directive is None:
        return
    if block.directive not in LANGUAGES_OF:
        raise DocumentError(f"{place}: unknown directive {block.directive!r} before a block")
    if block.language not in LANGUAGES_OF[block.directive]:
        raise DocumentError(f"{place}: {block.directive!r} before a {block.language!r} block")


def _check_not_pending(pending: tuple[int, str] | None, name: str) -> None:
    if pending and pending[1] in LANGUAGES_OF:
        raise DocumentError(f"{name}:{pending[0]}: no block follows {pending[1]!r}")


def run_document(text: str, name: str, cli: click.Command) -> int:
    """Run the blocks of `text` in the current folder and return how many ran.

    Raises `DocumentError` at the first block that fails or prints something else than it says.
    """
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed: str | None = None
    count = 0
    for block in parse(text, name):
        if block.directive == "output":
            _check_output(block, printed, name)
        runs = block.language in ("python", "console") and block.directive is None
        printed = _run_block(block, namespace, name, cli) if runs else None
        count += runs
    return count


def _run_block(block: Block, namespace: dict[str, object], name: str, cli: click.Command) -> str:
    if block.language == "python":
        return _run_python(block, namespace, name)
    return "".join(_run_command(line, f"{name}:{n}", cli) for n, line in _commands(block))


def _run_python(block: Block, namespace: dict[str, object], name: str) -> str:
    # Blank lines in front make tracebacks and graphc's own messages point into the document.
    source = "\n" * (block.line - 1) + block.text
    output = io.StringIO()
    try:
        code = compile(source, name, "exec", dont_inherit=True)
        with contextlib.redirect_stdout(output):
            exec(code, namespace)
    except Exception as error:
        message = f"{name}:{block.line}: {type(error).__name__}: {error}"
        raise DocumentError(message) from error
    return output.getvalue()


def _commands(block: Block) -> Iterator[tuple[int, str]]:
    """The lines after a `$` prompt with their numbers; a backslash continues one on the next."""
    lines = enumerate(block.text.splitlines(), start=block.line)
    for number, line in lines:
        if not line.startswith("$ "):
            continue
        command = line[2:]
        while command.endswith("\\"):
            command = command[:-1] + next(lines, (0, ""))[1]
        yield number, command


def _run_command(command: str, place: str, cli: click.Command) -> str:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    if not words or words[0] != "graphc":
        return ""
    if any(set(word) <= set("();<>|&") for word in words if word):
        raise DocumentError(f"{place}: needs a shell, mark the block no-run: {command}")
    result = CliRunner().invoke(cli, words[1:], prog_name="graphc")
    if result.exit_code != 0:
        message = f"{place}: exit code {result.exit_code}: {command}\n{result.output}"
        raise DocumentError(message) from result.exception
    return result.output


def _check_output(block: Block, printed: str | None, name: str) -> None:
    place = f"{name}:{block.line}"
    if printed is None:
        raise DocumentError(f"{place}: no block that runs stands directly before this output")
    want, got = _without_trailing_space(block.text), _without_trailing_space(printed)
    if not want.replace("...", "").strip():
        raise DocumentError(f"{place}: an output that anything would match")
    flags = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1
    if not doctest.OutputChecker().check_output(want, got, flags):
        rows = difflib.unified_diff(
            want.splitlines(), got.splitlines(), "documented", "printed", lineterm=""
        )
        raise DocumentError("\n".join([f"{place}: the output differs", *rows]))


def _without_trailing_space(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())

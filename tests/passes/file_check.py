"""Text cases: graphs with `// RUN:` and `// CHECK:` lines, several to a file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options
from filecheck.parser import Parser, pattern_for_opts

SEPARATOR = "// -----\n"
_RUN = "// RUN:"


@dataclass(frozen=True)
class Case:
    """One graph of a file, with its directives as comments."""

    name: str
    text: str

    @property
    def passes(self) -> list[str]:
        """The names that the RUN line gives; it must have one."""
        (line,) = (line for line in self.text.splitlines() if line.startswith(_RUN))
        return line.removeprefix(_RUN).split()


def cases_in(folder: Path) -> list[Case]:
    """Every case of the folder's files, named by file and position."""
    return [
        Case(f"{path.stem}-{k}", text)
        for path in sorted(folder.glob("*.graph"))
        for k, text in enumerate(path.read_text().split(SEPARATOR))
    ]


def check_file(directives: str, output: str, name: str) -> None:
    """Fail with filecheck's report unless the output is as the CHECK lines say."""
    options = Options(match_filename=name)
    parser = Parser(options, io.StringIO(directives), *pattern_for_opts(options))
    matcher = Matcher(options, FInput(name, output), parser)
    matcher.stderr = report = io.StringIO()
    assert matcher.run() == 0, f"{report.getvalue()}\n{output}"

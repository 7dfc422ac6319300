"""`python -m conformance [OPERATOR ...]`: judge, print what disagrees, and write the report."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]


@click.command()
@click.argument("operators", nargs=-1)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option("--report", type=click.Path(path_type=Path), help="The report to write.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Judge what this file lacks, and add it there."
)
@click.option("--verbose", is_flag=True, help="Print refusals too, and the calls.")
def main(
    operators: tuple[str, ...], jobs: int, report: Path | None, keep: Path | None, verbose: bool
) -> None:
    """Compare graphc with PyTorch on the samples of OPERATORS; of all, unless told otherwise.

    The exit status is 1 if one disagrees.
    """
    os.environ.setdefault("GRAPHC_CACHE_DIR", str(ROOT / "build" / "conformance-cache"))
    from conformance import keeping, samples
    from conformance import report as reporting
    from conformance.driver import judge_all

    known = samples.differentiable()
    if unknown := [name for name in operators if name not in known]:
        raise click.UsageError(f"PyTorch has no differentiable operator {', '.join(unknown)}")
    started = time.monotonic()
    kept = keeping.read(keep) if keep else []
    tallies = judge_all(operators or list(known), jobs, kept, _progress)
    if keep is not None:
        judged = {tally.op: tally for tally in (*kept, *tallies)}
        keeping.write(keep, list(judged.values()))
    click.echo(reporting.details(tallies, verbose=verbose))
    click.echo(reporting.summary(tallies) + f" {time.monotonic() - started:.0f} s.")
    if report is not None:
        report.write_text(reporting.document(tallies, samples.version()), encoding="utf-8")
    raise SystemExit(int(any(reporting.disagrees(tally) for tally in tallies)))


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    click.echo(f"\r{done} of {total} batches", nl=False, err=True)
    click.echo(end, nl=False, err=True)


if __name__ == "__main__":
    main()

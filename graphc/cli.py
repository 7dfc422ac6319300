"""The command `graphc`: reads arguments, asks `inspection`, prints."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from graphc.errors import AttributeValueError, BenchmarkError, GraphcError, TargetError
from graphc.inspection import loading, stages, text_file
from graphc.inspection.cache import cache_view
from graphc.inspection.checking import check_target, check_view
from graphc.inspection.gradient_check import Settings
from graphc.inspection.profiling import measure, profile_view
from graphc.inspection.rendering import show as print_view
from graphc.inspection.results import outcome_view, save
from graphc.inspection.running import run as run_program
from graphc.inspection.summary import summary_view
from graphc.inspection.view import View

Command = TypeVar("Command", bound=Callable[..., Any])


class _Errors(click.Group):
    """Shows errors of graphc as their message alone; the exit code is 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GraphcError as error:
            raise click.ClickException(str(error)) from error


def _target(value: str) -> str:
    try:
        loading.parse_target(value)
    except TargetError as error:
        raise click.BadParameter(error.message) from None
    return value


def _named(value: str) -> tuple[str, str]:
    """NAME=VALUE as a pair."""
    name, equals, rest = value.partition("=")
    if not (name and equals and rest):
        raise click.BadParameter(f"{value!r} is not NAME=VALUE")
    return name, rest


def _sized(value: str) -> tuple[str, int]:
    """NAME=SIZE as a pair."""
    name, size = _named(value)
    if not size.isdecimal():
        raise click.BadParameter(f"{size!r} is no size")
    return name, int(size)


def _once(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    """Pairs as a dict; a name that is given twice is wrong usage."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"{name} is given twice")
        found[name] = value
    return found


def _version() -> str:
    try:
        return version("graphc")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "(not installed)"


@click.group(cls=_Errors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="graphc", message="%(prog)s %(version)s")
def main() -> None:
    """Look at a program of graphc at every stage, and run it.

    TARGET is a function of a Python file, file.py:function, or a file in the text form (*.graph,
    with its arrays in the .npz file of the same name). The function takes no arguments; it returns
    a gc.Graph, or tensors, assignments and groups in any nesting of lists, tuples and dicts, whose
    keys name the fetches.

    The exit code is 0, 1 for an error of graphc or of the target, 2 for wrong usage.
    """


def _common(command: Command) -> Command:
    """The argument and options that every command has."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print data for machines.")
    fetch = click.option(
        "--fetch",
        "fetches",
        multiple=True,
        metavar="NAME",
        help="Only what computes this; may be repeated. A key of what the function returns, a "
        "tensor's name, or its number in the whole graph's text (12 for %12).",
    )
    return click.argument("target", type=_target, metavar="TARGET")(fetch(as_json(command)))


def _dims(command: Command) -> Command:
    return click.option(
        "--dim",
        "dims",
        multiple=True,
        type=_sized,
        callback=_once,
        metavar="NAME=SIZE",
        help="A size for a symbolic dim; may be repeated.",
    )(command)


def _feeds(command: Command) -> Command:
    feed = click.option(
        "--feed",
        "feeds",
        multiple=True,
        type=_named,
        callback=_once,
        metavar="NAME=VALUE",
        help="What to feed an input: FILE.npy, FILE.npz:KEY, or an expression of np and rng, such "
        "as x='rng.normal(size=(32, 64))', which takes the input's dtype. A variable that is fed "
        "starts with that. May be repeated.",
    )
    seed = click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of rng."
    )
    return feed(seed(command))


def _print(view: View, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(view.data, indent=2, allow_nan=False))
    else:
        print_view(view, Console())


@main.command(
    epilog="""
    The stage `gradients` shows the nodes that gc.gradients has added, under the names that the
    whole graph gives them. Of a program without any it shows those that it would add: for the
    first output that is a single floating-point number, by all trainable variables or, if there
    are none, by all floating-point placeholders.
    """
)
@_common
@click.option(
    "--stage",
    type=click.Choice(list(stages.TAKES)),
    default="graph",
    show_default=True,
    help="How far on its way to look at the program.",
)
@click.option("--kernel", type=int, metavar="N", help="Only this kernel (kernels, llvm, asm).")
@click.option("--pass", "after", metavar="NAME", help="The graph after this pass (optimized).")
@click.option("--optimized", is_flag=True, help="After LLVM's passes (llvm).")
@_dims
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
def show(
    target: str,
    stage: str,
    fetches: tuple[str, ...],
    dims: dict[str, int],
    out: Path | None,
    as_json: bool,
    **narrowing: Any,
) -> None:
    """Show a program at one stage of its way to machine code."""
    options = stages.Options(dims=dims, **narrowing)
    try:
        stages.check(stage, options)
    except AttributeValueError as error:
        raise click.UsageError(error.message) from None
    subject = loading.load(target, fetches)
    view = stages.view(subject.graph, stage, options)
    if out is None:
        _print(view, as_json)
        return
    for file in text_file.write(view, subject, out):
        click.echo(f"wrote {file}", err=True)


@main.command()
@_common
@_dims
def info(target: str, fetches: tuple[str, ...], dims: dict[str, int], as_json: bool) -> None:
    """Tell what a program takes, gives and costs: inputs, parameters, ops, kernels, memory."""
    _print(summary_view(loading.load(target, fetches), dims), as_json)


@main.command()
@_common
@_feeds
@click.option("--reference", is_flag=True, help="Interpret with NumPy instead of compiling.")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Run N times, each with the variables that the one before left.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="Keep results in this folder (.npy), or in this archive if it ends in .npz.",
)
def run(
    target: str,
    fetches: tuple[str, ...],
    feeds: dict[str, str],
    reference: bool,
    repeat: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a program, and print results and times."""
    subject = loading.load(target, fetches)
    outcome = run_program(subject, feeds, reference=reference, repeat=repeat, seed=seed)
    _print(outcome_view(outcome), as_json)
    if out is not None:
        for file in save(outcome, out):
            click.echo(f"wrote {file}", err=True)


@main.command()
@_common
@_feeds
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Take the median of N runs, each with the variables that the first one starts with.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="As many threads (default: all)."
)
@click.option("--apart", is_flag=True, help="Run launches one by one that may run together.")
def profile(
    target: str,
    fetches: tuple[str, ...],
    feeds: dict[str, str],
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure what each kernel of a program takes, and how near products come to the peak."""
    subject = loading.load(target, fetches)
    _print(profile_view(measure(subject, feeds, seed=seed, **options)), as_json)


@main.command()
@_common
@_feeds
@_dims
@click.option(
    "--step",
    type=float,
    default=1e-4,
    show_default=True,
    help="The largest distance between two points, for inputs of size 1.",
)
@click.option(
    "--directions",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Try N random directions in each input.",
)
@click.option(
    "--tolerance", type=float, default=1e-6, show_default=True, help="The largest relative error."
)
@click.option(
    "--first-order", is_flag=True, help="Leave out second derivatives, forward and reverse."
)
@click.option("--reference", is_flag=True, help="Interpret with NumPy instead of compiling.")
def check(
    target: str,
    fetches: tuple[str, ...],
    feeds: dict[str, str],
    dims: dict[str, int],
    first_order: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Hold derivatives of a program against differences.

    The floating-point outputs are differentiated by floating-point placeholders and by trainable
    variables, in float64, at random values: of an input that is not fed, normal floats, integers
    that are 0 or 1, and 3 for every dim that no --dim gives. The exit code is 1 if any disagrees.
    """
    subject = loading.load(target, fetches)
    report = check_target(subject, feeds, dims, Settings(second_order=not first_order, **settings))
    _print(check_view(report), as_json)
    if not report.ok:
        raise SystemExit(1)


@main.command()
@click.option("--clear", is_flag=True, help="Remove everything in it.")
@click.option("--json", "as_json", is_flag=True, help="Print data for machines.")
def cache(clear: bool, as_json: bool) -> None:
    """Tell where compiled code is kept, and how much of it, or why there is none."""
    _print(cache_view(clear), as_json)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--list", "only_list", is_flag=True, help="Show workloads and peers, measure nothing."
)
@click.option("--peers", default="", metavar="NAME,...", help="Only these (default: all).")
@click.option(
    "--peers-python",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The interpreter that has the peers (default: that of `make bench-env`).",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    metavar="NAME",
    help="Measure in this dtype, not in the usual ones; may be repeated.",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, metavar="N")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    metavar="N",
    help="How often graphc and each peer take turns.",
)
@click.option("--small", is_flag=True, help="Tiny sizes: to see that everything works.")
@click.option("--products", is_flag=True, help="Measure each of graphc's products by itself, too.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write everything that was measured there.",
)
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the ratios there (.png, .svg; needs matplotlib).",
)
def bench(
    names: tuple[str, ...],
    only_list: bool,
    peers: str,
    peers_python: Path | None,
    **options: Any,
) -> None:
    """Compare graphc's speed with other programs', and with what the machine can do.

    NAME is a workload or a family of them (default: all). The exit code is 1 if a program failed
    or gave a wrong result. This needs a clone of the sources, and `make bench-env` for the peers.
    """
    command = _of_the_sources("benchmarks.driver.command")
    if only_list:
        command.list_all()
        return
    chosen = [name for name in peers.split(",") if name]
    if not command.run(names, peers=chosen, python=peers_python, **options):
        raise SystemExit(1)


def _of_the_sources(name: str) -> Any:
    """A module that lies beside graphc in its sources, and is not installed with it."""
    root = Path(__file__).resolve().parents[1]
    if not root.joinpath(*name.split(".")).with_suffix(".py").is_file():
        raise BenchmarkError("the benchmarks are not installed with graphc; run a clone of it")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return importlib.import_module(name)

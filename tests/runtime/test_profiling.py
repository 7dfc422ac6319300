"""Session.profile: what it says, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, FeedError, OutOfRangeError, SessionError

Array = np.ndarray[Any, Any]


def network() -> tuple[gc.Graph, dict[str, Any]]:
    """Two layers with Adam, and everything to fetch by name."""
    rng = np.random.default_rng(0)
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("batch", 40), name="x")
        y = gc.placeholder(gc.int32, ("batch",), name="y")
        first = gc.variable(rng.normal(size=(40, 50)).astype(np.float32), name="first")
        second = gc.variable(rng.normal(size=(50, 10)).astype(np.float32), name="second")
        loss = gc.nn.softmax_cross_entropy(gc.tanh(x @ first) @ second, y)
        train = gc.optim.Adam(0.01).minimize(loss)
    return graph, {"loss": loss, "train": train}


def feeds(batch: int) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {
        "x": rng.normal(size=(batch, 40)).astype(np.float32),
        "y": rng.integers(10, size=batch).astype(np.int32),
    }


def values(session: gc.Session) -> list[bytes]:
    return [session.get_value(v).tobytes() for v in session.graph.variables]


@pytest.mark.parametrize("batch", [0, 1, 300])
@pytest.mark.parametrize("apart", [False, True])
def test_nothing_changes(batch: int, apart: bool) -> None:
    graph, fetches = network()
    with gc.Session(graph, threads=2) as session, gc.Session(graph, threads=2) as other:
        before = values(session)
        session.profile(fetches, feeds(batch), repeats=3, apart=apart)
        assert values(session) == before
        results = [each.run(fetches, feeds(batch))["loss"] for each in (session, other)]
        assert results[0].tobytes() == results[1].tobytes()
        assert values(session) == values(other) != before


@pytest.mark.parametrize("batch", [1, 300])
def test_products_are_counted_for_the_sizes_that_are_fed(batch: int) -> None:
    """Two forward, two for the weights, one for what lies between them."""
    graph, fetches = network()
    with gc.Session(graph) as session:
        profile = session.profile(fetches, feeds(batch))
        assert profile.sizes == {"batch": batch}
        assert profile.flops == 2 * batch * (2 * 40 * 50 + 3 * 50 * 10)
        assert session.profile(fetches["loss"], feeds(batch)).flops == (
            2 * batch * (40 * 50 + 50 * 10)
        )


def test_every_launch_is_there_once_with_its_nodes_and_lines() -> None:
    graph, fetches = network()
    with gc.Session(graph, threads=2) as session:
        profile = session.profile(fetches, feeds(300))
        assert [each.number for each in profile.launches] == list(range(len(profile.launches)))
        assert any(len(job.launches) > 1 for job in profile.jobs)
        apart = session.profile(fetches, feeds(300), apart=True)
        assert [len(job.launches) for job in apart.jobs] == [1] * len(profile.launches)
    ops = {node.op for each in profile.launches for node in each.nodes}
    assert {"matmul", "tanh", "fma"} <= ops
    places = {node.location for each in profile.launches for node in each.nodes}
    assert all(place is not None and place.startswith(f"{__file__}:") for place in places)
    assert sum("matmul" in each.label for each in profile.launches) == 5


def test_products_go_by_the_names_of_the_graph() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("batch", 40), name="x")
        w = gc.placeholder(gc.float32, (40, 50), name="w")
        sums = gc.exp(x) @ w
        y = gc.tanh(sums)
    given = {"x": np.ones((300, 40), np.float32), "w": np.ones((40, 50), np.float32)}
    with gc.Session(graph) as session:
        profile = session.profile({"sums": sums, "y": y}, given)
    (product,) = [product for each in profile.launches for product in each.products]
    (launch,) = [each for each in profile.launches if each.products]
    (matmul,) = [node.name for node in launch.nodes if node.op == "matmul"]
    assert (product.result, product.right.reads) == (matmul, ("%w",))
    assert (product.rows, product.blocks, product.columns, product.depth) == (256, 2, 50, (40,))
    assert product.ops == ("tanh",) and set(product.stores) == set(launch.written)


def test_times_add_up() -> None:
    graph, fetches = network()
    with gc.Session(graph, threads=1) as session:
        profile = session.profile(fetches, feeds(300), repeats=1)
    assert profile.repeats == 1 and profile.threads == 1
    assert all(job.seconds == job.least_seconds >= 0 for job in profile.jobs)
    assert sum(job.seconds for job in profile.jobs) == pytest.approx(profile.seconds)


def test_the_kernels_of_a_profile_are_those_of_a_run() -> None:
    """Long loops are cut for threads, by their work, as in a run: never by how many there are."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n",), name="x")
        slow, sums = gc.erf(gc.exp(x)), gc.cumulative_sum(x)
    feed = {"x": np.zeros(1_000_000, np.float32)}
    for threads in (2, 4):
        with gc.Session(graph, threads=threads) as session:
            profile = session.profile([slow, sums], feed, repeats=1, apart=True)
        assert profile.threads == threads
        pieces = {each.label: each.pieces for each in profile.launches}
        assert pieces["exp, erf"] > 8 and pieces["cumsum"] == 1
    assert {each.label: each.bytes for each in profile.launches}["exp, erf"] == 8_000_000


def test_short_runs_have_one_thread_as_otherwise() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n",), name="x")
        twice = x + x
    with gc.Session(graph, threads=2) as session:
        assert session.profile(twice, {x: np.ones(3, np.float32)}).threads == 1


def test_nothing_to_compute() -> None:
    with gc.Graph() as graph:
        done = gc.group()
    with gc.Session(graph) as session:
        profile = session.profile(done)
    assert profile.jobs == () and profile.seconds == 0
    assert str(profile)


def test_a_failed_check_is_raised() -> None:
    with gc.Graph() as graph:
        index = gc.placeholder(gc.int32, (), name="index")
        total = gc.variable(np.float32(1), name="total")
        step = gc.assign(total, total + gc.take(gc.constant(np.arange(3, dtype=np.float32)), index))
    with gc.Session(graph) as session:
        with pytest.raises(OutOfRangeError, match="index 7 is out of range"):
            session.profile(step, {"index": 7})
        assert session.get_value(total) == 1


def test_errors() -> None:
    graph, fetches = network()
    with gc.Session(graph) as session:
        with pytest.raises(FeedError, match="the placeholder y is needed"):
            session.profile(fetches, {"x": feeds(3)["x"]})
        with pytest.raises(AttributeValueError, match="median of 0 runs"):
            session.profile(fetches, feeds(3), repeats=0)
    with pytest.raises(SessionError, match="closed"):
        session.profile(fetches, feeds(3))
    with (
        gc.Session(graph, reference=True) as session,
        pytest.raises(SessionError, match="only compiled programs"),
    ):
        session.profile(fetches, feeds(3))


def test_launches_in_loops_are_counted_and_their_times_added_up() -> None:
    """7 rows, each taken until it is small: 3 turns. The product takes what 7*3 products take."""
    with gc.Graph() as graph:
        xs = gc.placeholder(gc.float32, ("n", 40, 40), name="xs")

        def small(x: gc.Tensor) -> gc.Tensor:
            return gc.while_loop(lambda x, k: k < 3, lambda x, k: (gc.tanh(x @ x), k + 1), (x, 0))[
                0
            ]

        total, _ = gc.scan(lambda c, x: (c + gc.sum(small(x)), None), gc.zeros(()), xs)
    with gc.Session(graph, threads=1) as session:
        profile = session.profile(total, {"xs": np.zeros((7, 40, 40), np.float32)}, repeats=2)
    (matmul,) = [each for each in profile.launches if "matmul" in each.label]
    assert matmul.runs == 21
    assert profile.flops == matmul.flops == 21 * 2 * 40**3
    assert matmul.bytes == 21 * 2 * 4 * 40 * 40  # both operands are one
    assert {each.runs for each in profile.launches} >= {1, 7, 21, 28}  # 4 tests of 3 turns
    assert dict(profile.sizes) == {"n": 7, "_turns1": 3}
    assert profile.repeats_launches
    assert sum(job.seconds for job in profile.jobs) <= 1.5 * profile.seconds
    slowest = max(profile.jobs, key=lambda job: job.least_seconds)
    assert matmul in slowest.launches


@pytest.mark.parametrize("turns", [0, 1, 256, 257, 1000])
@pytest.mark.parametrize("is_known", [False, True])
def test_turns_that_a_kernel_takes(turns: int, is_known: bool) -> None:
    with gc.Graph() as graph:
        xs = gc.placeholder(gc.float64, ("n", 2), name="xs")
        most = gc.placeholder(gc.int64, (), name="most")
        if is_known:
            last, ys = gc.scan(
                lambda c, x: (gc.sin(c) + x, gc.sum(c)), gc.zeros((2,), dtype=gc.float64), xs
            )
        else:
            last, ys = gc.while_loop(
                lambda c, k: k < most, lambda c, k: (gc.sin(c), k + 1), (xs[0], 0)
            )
    feeds = {"xs": np.zeros((turns if is_known else 1, 2)), "most": turns}
    if is_known:
        del feeds["most"]
    with gc.Session(graph) as session:
        profile = session.profile([last, ys], feeds)
    (loop,) = [each for each in profile.launches if "sin" in each.label]
    assert loop.turns == turns
    if is_known:  # it reads rows of two numbers, leaves one, and has a state of two both ways
        assert loop.runs == -(-turns // 256)
        assert loop.bytes == 8 * (3 * loop.turns + 4 * loop.runs)
    else:
        assert loop.runs == max(1, -(-turns // 256))
        assert profile.sizes["_turns1"] == turns


@pytest.mark.parametrize("holds", [False, True])
def test_branches_that_did_not_run(holds: bool) -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n",), name="x")
        y = gc.cond(x[0] > 0, gc.sin, gc.cos, x)
    with gc.Session(graph) as session:
        profile = session.profile(y, {"x": np.full(3, 1 if holds else -1, np.float32)})
    runs = {each.label: (each.runs, each.bytes, each.pieces) for each in profile.launches}
    taken, other = ("sin", "cos") if holds else ("cos", "sin")
    assert runs[taken] == (1, 24, 1)
    assert runs[other] == (0, 0, 0)
    (idle,) = [job for job in profile.jobs if job.launches[0].label == other]
    assert idle.seconds == 0

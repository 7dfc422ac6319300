"""Loops and branches, with and without tapes, small and large."""

from __future__ import annotations

from typing import Any

import graphc as gc


def tape() -> dict[str, gc.Tensor]:
    """A while loop of little work a turn, gone back through."""
    with gc.Graph("tape"):
        x = gc.placeholder(gc.float64, (), name="x")
        y, turns = gc.while_loop(  # turn
            lambda y, k: k < 12, lambda y, k: (gc.sin(y) * x, k + 1), (x, 0)
        )
        (dx,) = gc.gradients(y, [x])
    return {"y": y, "turns": turns, "dx": dx}


def open_end() -> dict[str, gc.Tensor]:
    """A while loop of large products, of which nobody knows how many; its tape grows."""
    with gc.Graph("open_end"):
        x = gc.placeholder(gc.float32, ("n", 64), name="x")
        w = gc.placeholder(gc.float32, (64, 64), name="w")
        y = gc.while_loop(
            lambda y: gc.sum(y * y) < 1e6, lambda y: gc.tanh(y @ w) + y * 2, x, max_iterations=50
        )
        (dw,) = gc.gradients(gc.sum(y), [w])
    return {"y": y, "dw": dw}


def rows() -> dict[str, Any]:
    """A recurrent layer that is trained."""
    with gc.Graph("rows"):
        xs = gc.placeholder(gc.float32, ("steps", "batch", 8), name="xs")
        w = gc.variable([[0.01 * (i + j) for j in range(32)] for i in range(32)], name="w")
        u = gc.variable([[0.01 * (i - j) for j in range(32)] for i in range(8)], name="u")
        start = gc.zeros((xs.shape[1], 32))
        last, states = gc.scan(lambda h, x: (gc.tanh(h @ w + x @ u),) * 2, start, xs)
        loss = gc.mean(states * states) + gc.mean(last)
        train = gc.optim.SGD(0.1).minimize(loss)
    return {"loss": loss, "train": train}


def backwards() -> dict[str, gc.Tensor]:
    """A short scan from the last row to the first, which one kernel takes at once."""
    with gc.Graph("backwards"):
        xs = gc.placeholder(gc.float32, (20, 3), name="xs")
        last, sums = gc.scan(
            lambda c, x: (c * 0.5 + x, gc.sum(c)), gc.zeros((3,)), xs, reverse=True
        )
    return {"last": last, "sums": sums}


def nested() -> dict[str, gc.Tensor]:
    """For each row, turns until it is small enough; with what goes back through both."""
    with gc.Graph("nested"):
        xs = gc.placeholder(gc.float64, ("n", 5), name="xs")
        factor = gc.placeholder(gc.float64, (), name="factor")

        def halved(row: gc.Tensor) -> gc.Tensor:
            return gc.while_loop(lambda r: gc.sum(r * r) > 1.0, lambda r: gc.sin(r) * factor, row)

        total, small = gc.scan(
            lambda c, row: (c + gc.sum(halved(row)), halved(row)),
            gc.zeros((), dtype=gc.float64),
            xs,
        )
        (df,) = gc.gradients(total, [factor])
    return {"total": total, "small": small, "df": df}


def branches() -> dict[str, gc.Tensor]:
    """Branches inside of one another, and one in a loop."""
    with gc.Graph("branches"):
        x = gc.placeholder(gc.float32, ("n",), name="x")
        k = gc.placeholder(gc.int32, (), name="k")
        y = gc.switch(k, [gc.sin, gc.exp, lambda v: gc.cumulative_sum(v)], x)
        z, _ = gc.while_loop(
            lambda z, i: i < 5,
            lambda z, i: (gc.cond(i < k, lambda v: v * 2, lambda v: v + 1, z), i + 1),
            (gc.sum(x), 0),
        )
        (dx,) = gc.gradients(gc.sum(y) * z, [x])
    return {"y": y, "z": z, "dx": dx}


def stretches() -> dict[str, gc.Tensor]:
    """A long while loop that keeps every tenth state, and takes ten turns at a time again."""
    with gc.Graph("stretches"):
        x = gc.placeholder(gc.float64, (3,), name="x")
        y, _ = gc.while_loop(
            lambda y, k: k < 95,
            lambda y, k: (gc.sin(y) + x, k + 1),
            (x, 0),
            checkpoint_every=10,
        )
        (dx,) = gc.gradients(gc.sum(y), [x])
    return {"y": y, "dx": dx}


def row_stretches() -> dict[str, gc.Tensor]:
    """The same along rows, of which there may be any number."""
    with gc.Graph("row_stretches"):
        xs = gc.placeholder(gc.float64, ("n", 3), name="xs")
        last, _ = gc.scan(
            lambda c, x: (gc.sin(c) + x, None),
            gc.zeros((3,), dtype=gc.float64),
            xs,
            checkpoint_every=10,
        )
        (dxs,) = gc.gradients(gc.sum(last), [xs])
    return {"last": last, "dxs": dxs}

"""Functions that are no targets, each in a way of its own."""

import graphc as gc


def divides():
    return 1 / 0  # divides by zero


def leaves():
    raise SystemExit(3)


def does_not_fit():
    with gc.Graph():
        x = gc.placeholder(gc.float32, (2, 3), name="x")
        return x @ x  # does not fit


def nothing():
    pass


def number():
    return {"answer": 42}


def empty():
    return []


def needs(width, depth, *rest, scale=1):
    pass


def two_graphs():
    results = []
    for _ in range(2):
        with gc.Graph():
            results.append(gc.placeholder(gc.float32, name="x") + 1)
    return results


constant = 3

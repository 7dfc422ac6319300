"""A model of a hand with 22 bones, made from a seed, and measurements of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FINGERS, JOINTS = 5, 4
#: The palm, the wrist, and four bones for each finger, of which the first is fixed to the palm.
BONES = 2 + FINGERS * JOINTS
#: A rotation, a translation and four angles for each finger: two where it begins, then one each.
PARAMETERS = 6 + 4 * FINGERS


@dataclass(frozen=True)
class Hand:
    """Bones at rest, the skin's vertices with weights for each bone, and triangles of vertices.

    `relative` takes a bone's coordinates at rest to its parent's, `inverse` the hand's to the
    bone's; both are [bones, 4, 4]. `weights` are [bones, vertices] and add up to 1.
    """

    parents: tuple[int, ...]
    relative: Array
    inverse: Array
    vertices: Array
    weights: Array
    triangles: Array


@dataclass(frozen=True)
class Measured:
    """Points that were measured, [n, 3], and what they belong to on the hand.

    That is a vertex, or a place in a triangle by two of its barycentric coordinates. `parameters`
    is a guess of the pose.
    """

    points: Array
    vertex: Array
    triangle: Array
    places: Array
    parameters: Array


def draw_hand(vertices: int, seed: int = 0) -> Hand:
    """Bones with lengths and directions from a seed, and vertices around them."""
    rng = np.random.default_rng(seed)
    parents = [-1, 0]
    for finger in range(FINGERS):
        first = 2 + finger * JOINTS
        parents += [0, *range(first, first + JOINTS - 1)]
    relative = np.stack([_placed(rng) for _ in parents])
    absolute = relative.copy()
    for bone in range(1, BONES):
        absolute[bone] = absolute[parents[bone]] @ relative[bone]

    own = rng.integers(BONES, size=vertices)
    weights = np.where(rng.uniform(size=(BONES, vertices)) < 0.1, 0.3, 0)
    weights[own, np.arange(vertices)] = 1
    return Hand(
        tuple(parents),
        relative,
        np.linalg.inv(absolute),
        absolute[own, :3, 3] + rng.normal(size=(vertices, 3)) * 0.1,
        weights / weights.sum(axis=0),
        np.stack([rng.permutation(vertices)[:3] for _ in range(2 * vertices)]),
    )


def measure(hand: Hand, points: int, seed: int = 1) -> Measured:
    """So many points near the hand, from a seed."""
    rng = np.random.default_rng(seed)
    vertex = rng.integers(len(hand.vertices), size=points)
    triangle = hand.triangles[rng.integers(len(hand.triangles), size=points)]
    near = hand.vertices[vertex] + rng.normal(size=(points, 3)) * 0.1
    places = rng.uniform(0, 0.5, size=(points, 2))
    return Measured(near, vertex, triangle, places, rng.normal(size=PARAMETERS) * 0.3)


def _placed(rng: np.random.Generator) -> Array:
    """A rotation and a translation as a 4 x 4 matrix."""
    turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    made = np.eye(4)
    made[:3, :3] = turned * np.sign(np.linalg.det(turned))
    made[:3, 3] = rng.normal(size=3)
    return made

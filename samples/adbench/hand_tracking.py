"""Hand tracking: errors of a hand's pose and their Jacobian, the third of ADBench's problems.

A pose is 26 numbers. Each finger's angles turn its bones, one after another; the skin follows the
bones by linear blend skinning; the hand is turned and moved. An error is the distance, in three
dims, from a measured point to the vertex that it belongs to, or, in the complicated variant, to a
place in a triangle whose two barycentric coordinates are parameters too.

The Jacobian by the pose is dense. That by the places has two elements in each row.

Source: Srajer, Kukelova and Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", 2018, section 4.3; the skeleton is of
our own making.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
import plainly_hand
from agreement import Agreement, central_differences
from hand_model import FINGERS, JOINTS, PARAMETERS, Hand, Measured, draw_hand, measure
from turning import rotated

import graphc as gc

Array = np.ndarray[Any, Any]


def turns(angles: gc.Tensor) -> gc.Tensor:
    """How each joint is turned, [fingers, joints, 3, 3], by [fingers, 4] angles.

    A joint turns about its x axis, the first that moves then about its y axis too; the first of
    all is fixed.
    """
    fixed = gc.zeros((FINGERS, 1), dtype=gc.float64)
    bend = gc.concat([fixed, angles[:, :1], angles[:, 2:]], axis=1)
    spread = gc.pad(angles[:, 1:2], ((0, 0), (1, JOINTS - 2)))
    sin_x, cos_x, sin_y, cos_y = gc.sin(bend), gc.cos(bend), gc.sin(spread), gc.cos(spread)
    rows = [
        [cos_y, sin_y * sin_x, sin_y * cos_x],
        [gc.zeros_like(bend), cos_x, -sin_x],
        [-sin_y, cos_y * sin_x, cos_y * cos_x],
    ]
    return gc.stack([gc.stack(row, axis=-1) for row in rows], axis=-2)


def bones(angles: gc.Tensor, hand: Hand) -> gc.Tensor:
    """What moves each bone from its place at rest, [bones, 3, 4]: a rotation and a translation."""
    by_finger = (FINGERS, JOINTS, 4, 4)
    relative, inverse = (part[2:].reshape(by_finger) for part in (hand.relative, hand.inverse))
    turned = turns(angles)
    at = gc.constant(np.broadcast_to(hand.relative[0, :3], (FINGERS, 3, 4)))  # the palm
    moved = []
    for joint in range(JOINTS):
        at = at @ relative[:, joint]
        at = gc.concat([at[:, :, :3] @ turned[:, joint], at[:, :, 3:]], axis=2)
        moved.append(at @ inverse[:, joint])
    fixed = np.broadcast_to(np.eye(3, 4), (2, 3, 4))
    return gc.concat([gc.constant(fixed), gc.reshape(gc.stack(moved, axis=1), (-1, 3, 4))])


def skin(pose: gc.Tensor, hand: Hand) -> gc.Tensor:
    """The vertices of a hand in that pose, [vertices, 3]."""
    homogeneous = np.concatenate([hand.vertices, np.ones((len(hand.vertices), 1))], axis=1)
    moved = bones(gc.reshape(pose[6:], (FINGERS, 4)), hand)
    blended = gc.einsum("bv,bij,vj->vi", hand.weights, moved, homogeneous)
    return rotated(pose[:3], blended) + pose[3:6]


def errors(pose: gc.Tensor, hand: Hand, measured: Measured) -> gc.Tensor:
    """From each measured point to its vertex, [points, 3]."""
    return gc.subtract(measured.points, gc.take(skin(pose, hand), measured.vertex, axis=0))


def errors_in_triangles(
    pose: gc.Tensor, places: gc.Tensor, hand: Hand, measured: Measured
) -> gc.Tensor:
    """From each measured point to its place in a triangle, [points, 3]."""
    corners = gc.take(skin(pose, hand), measured.triangle, axis=0)
    last = 1 - gc.sum(places, axis=1, keepdims=True)
    shares = gc.concat([places, last], axis=1)
    return gc.subtract(measured.points, gc.sum(shares[:, :, None] * corners, axis=1))


def main(vertices: int, points: int) -> int:
    hand = draw_hand(vertices)
    measured = measure(hand, points)
    fed = {"pose": measured.parameters, "places": measured.places}
    with gc.Graph("hand_tracking") as graph:
        pose = gc.placeholder(gc.float64, (PARAMETERS,), name="pose")
        places = gc.placeholder(gc.float64, (points, 2), name="places")
        simple = errors(pose, hand, measured)
        both = errors_in_triangles(pose, places, hand, measured)
        by_pose = [gc.jacobian(y, pose) for y in (simple, both)]
        in_reverse = [gc.jacobian(y, pose, mode="reverse") for y in (simple, both)]
        by_places = gc.sparse_jacobian(both, places)
    with gc.Session(graph) as session:
        wanted = [[simple, both], by_pose, in_reverse, by_places.to_dense()]
        values, found, other, sparse = session.run(wanted, fed)

    agreement = Agreement(f"a hand of {vertices} vertices, {points} points measured; {by_places}")
    variants = (plainly_hand.errors, plainly_hand.errors_in_triangles)
    names = ("at vertices", "in triangles")
    for k, (name, variant) in enumerate(zip(names, variants, strict=True)):
        plain = partial(variant, hand=hand, measured=measured)
        agreement.compare(f"errors {name} by loops", values[k], plain(measured.parameters))
        agreement.compare(f"Jacobian {name} in reverse", found[k], other[k])
        differences = central_differences(plain, measured.parameters)
        agreement.compare(f"Jacobian {name} by central differences", found[k], differences, 1e-8)
    by_hand = plainly_hand.slopes_by_places(measured.parameters, hand, measured)
    agreement.compare("sparse Jacobian by places, by hand", sparse, by_hand)
    agreement.checked(gc.check_gradients([simple, both], fed, reference=True))
    return agreement.exit_status


if __name__ == "__main__":
    sys.exit(main(vertices=40, points=15))

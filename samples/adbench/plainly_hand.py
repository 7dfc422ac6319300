"""The errors of hand tracking in NumPy, bone by bone and point by point: slow and plain."""

from __future__ import annotations

from math import cos, sin
from typing import Any

import numpy as np
import plainly
from hand_model import FINGERS, JOINTS, Hand, Measured

Array = np.ndarray[Any, Any]


def bones(angles: Array, hand: Hand) -> list[Array]:
    """What moves each bone from its place at rest, as 4 x 4 matrices."""
    absolute: list[Array] = []
    for bone, parent in enumerate(hand.parents):
        turned = np.eye(4)
        finger, joint = divmod(bone - 2, JOINTS)
        if finger in range(FINGERS) and joint > 0:
            own = angles[4 * finger :][:4]
            x, y = own[0 if joint == 1 else joint], own[1] if joint == 1 else 0.0
            about_x = np.array([[1, 0, 0], [0, cos(x), -sin(x)], [0, sin(x), cos(x)]])
            about_y = np.array([[cos(y), 0, sin(y)], [0, 1, 0], [-sin(y), 0, cos(y)]])
            turned[:3, :3] = about_y @ about_x
        own_place = hand.relative[bone] @ turned
        absolute.append(own_place if parent < 0 else absolute[parent] @ own_place)
    return [at @ inverse for at, inverse in zip(absolute, hand.inverse, strict=True)]


def skin(pose: Array, hand: Hand) -> Array:
    """The vertices of a hand in that pose."""
    moved, found = bones(pose[6:], hand), []
    for weights, vertex in zip(hand.weights.T, hand.vertices, strict=True):
        at = np.array([*vertex, 1])
        blended = sum(w * (bone @ at)[:3] for w, bone in zip(weights, moved, strict=True))
        found.append(plainly.rodrigues(pose[:3], np.asarray(blended)) + pose[3:6])
    return np.array(found)


def errors(pose: Array, hand: Hand, measured: Measured) -> Array:
    vertices = skin(pose, hand)
    return np.array([
        point - vertices[k] for point, k in zip(measured.points, measured.vertex, strict=True)
    ])  # fmt: skip


def errors_in_triangles(pose: Array, hand: Hand, measured: Measured) -> Array:
    vertices, found = skin(pose, hand), []
    rows = zip(measured.points, measured.triangle, measured.places, strict=True)
    for point, (i, j, k), (u, v) in rows:
        found.append(point - u * vertices[i] - v * vertices[j] - (1 - u - v) * vertices[k])
    return np.array(found)


def slopes_by_places(pose: Array, hand: Hand, measured: Measured) -> Array:
    """The derivatives of errors in triangles by the places, worked out on paper."""
    vertices, points = skin(pose, hand), len(measured.points)
    found = np.zeros((points, 3, points, 2))
    for n, (i, j, k) in enumerate(measured.triangle):
        found[n, :, n, 0] = vertices[k] - vertices[i]
        found[n, :, n, 1] = vertices[k] - vertices[j]
    return found

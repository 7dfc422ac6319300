"""The errors of hand tracking, and their Jacobians, in every program's words; see `adbench.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Array, Sizes, Work, normal

FINGERS, JOINTS = 5, 4
BONES = 2 + FINGERS * JOINTS
PARAMETERS = 6 + 4 * FINGERS


def inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    """A pose, bones at rest with what undoes them, vertices that follow them, measured points."""
    vertices, measured = sizes["vertices"], sizes["measured"]
    relative = np.zeros((BONES, 4, 4))
    relative[:, :3, :3] = np.linalg.qr(rng.normal(size=(BONES, 3, 3)))[0]
    relative[:, :3, 3] = rng.normal(size=(BONES, 3))
    relative[:, 3, 3] = 1
    absolute = relative.copy()
    for bone in range(1, BONES):
        parent = 0 if bone == 1 or (bone - 2) % JOINTS == 0 else bone - 1
        absolute[bone] = absolute[parent] @ relative[bone]
    weights = rng.uniform(size=(BONES, vertices)) ** 8
    homogeneous = np.concatenate([rng.normal(size=(vertices, 3)), np.ones((vertices, 1))], axis=1)
    return {
        "pose": normal(rng, dtype, PARAMETERS) / 3,
        "relative": relative.astype(dtype),
        "inverse": np.linalg.inv(absolute).astype(dtype),
        "vertices": homogeneous.astype(dtype),
        "weights": (weights / weights.sum(axis=0)).astype(dtype),
        "points": normal(rng, dtype, measured, 3),
        "vertex": rng.integers(vertices, size=measured).astype(np.int32),
    }


def inputs_in_triangles(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    """The same with three vertices for each point, and its place among them."""
    found = inputs(rng, dtype, sizes)
    measured = sizes["measured"]
    found["vertex"] = rng.integers(sizes["vertices"], size=(3, measured)).astype(np.int32)
    return found | {"places": rng.uniform(0, 0.5, size=(measured, 2)).astype(dtype)}


def rotated(t: Any, axis: Any, x: Any, cross: Callable[..., Any]) -> Any:
    """x turned about an axis by its length, which is not 0: Rodrigues' formula."""
    angle = t.namespace.sqrt(t.sum_last(axis * axis))
    unit = axis / angle
    along = t.sum_last(unit * x)
    cos = t.namespace.cos(angle)
    turned = x * cos + cross(t, unit, x) * t.namespace.sin(angle)
    return turned + unit * along * (1 - cos)


def _cross(t: Any, a: Any, b: Any) -> Any:
    """Of one vector with many."""
    zero = a[0] * 0
    rows = [[zero, -a[2], a[1]], [a[2], zero, -a[0]], [-a[1], a[0], zero]]
    matrix = t.stack([t.stack(row, 0) for row in rows], 0)
    return b @ t.permute_dims(matrix, (1, 0))


def _turns(t: Any, angles: Any) -> Any:
    """How each joint is turned, [fingers, joints, 3, 3]; the first is fixed."""
    zero = angles[:, :1] * 0
    bend = t.concat([zero, angles[:, :1], angles[:, 2:]], 1)
    spread = t.concat([zero, angles[:, 1:2], zero, zero], 1)
    sin_x, cos_x = t.namespace.sin(bend), t.namespace.cos(bend)
    sin_y, cos_y = t.namespace.sin(spread), t.namespace.cos(spread)
    rows = [
        [cos_y, sin_y * sin_x, sin_y * cos_x],
        [bend * 0, cos_x, -sin_x],
        [-sin_y, cos_y * sin_x, cos_y * cos_x],
    ]
    return t.stack([t.stack(row, -1) for row in rows], -2)


def skin(t: Any, pose: Any, relative: Any, inverse: Any, vertices: Any, weights: Any) -> Any:
    """The vertices of a hand in that pose, [vertices, 3]."""
    turned = _turns(t, t.reshape(pose[6:], (FINGERS, 4)))
    by_finger = (FINGERS, JOINTS, 4, 4)
    own, undone = (t.reshape(part[2:], by_finger) for part in (relative, inverse))
    at, moved = relative[0, :3][None], []
    for joint in range(JOINTS):
        at = at @ own[:, joint]
        at = t.concat([at[:, :, :3] @ turned[:, joint], at[:, :, 3:]], 2)
        moved.append(at @ undone[:, joint])
    fingers = t.reshape(t.stack(moved, 1), (FINGERS * JOINTS, 3, 4))
    fixed = t.literal(np.broadcast_to(np.eye(3, 4), (2, 3, 4)).copy())
    blended = t.einsum("bv,bij->vij", weights, t.concat([fixed, fingers], 0))
    placed = t.einsum("vij,vj->vi", blended, vertices)
    return rotated(t, pose[:3], placed, _cross) + pose[3:6]


def at_vertices(
    t: Any, pose: Any, relative: Any, inverse: Any, vertices: Any, weights: Any, points: Any,
    vertex: Any,
) -> Any:  # fmt: skip
    def errors(pose: Any) -> Any:
        moved = skin(t, pose, relative, inverse, vertices, weights)
        return points - t.picked(moved, vertex, 0)

    return [errors(pose), t.jacobian(errors, pose)]


def _error(t: Any, moved: Any, places: Any, points: Any, vertex: Any) -> Any:
    first, second = places[:, :1], places[:, 1:]
    shares = (first, second, 1 - first - second)
    inside = [share * t.picked(moved, vertex[k], 0) for k, share in enumerate(shares)]
    return points - inside[0] - inside[1] - inside[2]


def in_triangles_along(
    t: Any, pose: Any, relative: Any, inverse: Any, vertices: Any, weights: Any, points: Any,
    vertex: Any, places: Any,
) -> Any:  # fmt: skip
    """The derivatives by the places along two directions that are known to be enough."""

    def errors(pose: Any, places: Any) -> Any:
        moved = skin(t, pose, relative, inverse, vertices, weights)
        return _error(t, moved, places, points, vertex)

    by_pose = t.jacobian(lambda own: errors(own, places), pose)
    ones, zeros = places[:, :1] * 0 + 1, places[:, :1] * 0
    seeds = [t.concat([ones, zeros], 1), t.concat([zeros, ones], 1)]
    along = [t.directional(lambda own: errors(pose, own), places, seed) for seed in seeds]
    return [errors(pose, places), by_pose, t.stack(along, -1)]


def in_triangles_by_colors(
    t: Any, pose: Any, relative: Any, inverse: Any, vertices: Any, weights: Any, points: Any,
    vertex: Any, places: Any,
) -> Any:  # fmt: skip
    """The sparse Jacobian by the places, as graphc finds it."""
    moved = skin(t, pose, relative, inverse, vertices, weights)
    found = _error(t, moved, places, points, vertex)
    by_places = t.sparse_jacobian(found, places).values
    return [found, t.namespace.jacobian(found, pose), t.reshape(by_places, (*points.shape, 2))]


def _least(sizes: Sizes, itemsize: int, corners: int, more: int) -> Work:
    """Reading everything once, and writing errors and their derivatives."""
    vertices, measured = sizes["vertices"], sizes["measured"]
    read = PARAMETERS + 2 * BONES * 16 + vertices * (4 + BONES) + measured * 3
    written = measured * 3 * (1 + PARAMETERS)
    indices = 4 * corners * measured
    return Work((read + written + more * measured) * itemsize + indices)


def work(sizes: Sizes, itemsize: int) -> Work:
    return _least(sizes, itemsize, corners=1, more=0)


def work_in_triangles(sizes: Sizes, itemsize: int) -> Work:
    return _least(sizes, itemsize, corners=3, more=2 + 6)

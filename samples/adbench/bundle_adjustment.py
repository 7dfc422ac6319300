"""Bundle adjustment: its residuals and their sparse Jacobian, the second of ADBench's problems.

Cameras see points, and each observation has a weight. A camera is 11 numbers: the rotation as an
axis times its angle, the center, the focal length, the principal point, two coefficients of radial
distortion. The residuals of an observation are w (measured - projected) and 1 - w^2.

The Jacobian by all parameters has few elements that are not 0: 14 in each row of the former kind,
as each coordinate of the principal point counts in its own row alone, and one in each of the
latter. `gc.sparse_jacobian` finds that, and that 14 directions are enough for any number of
cameras and points.

Source: Srajer, Kukelova and Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", 2018, section 4.2.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import plainly
from agreement import Agreement, central_differences
from turning import rotated

import graphc as gc

Array = np.ndarray[Any, Any]

CAMERA = 11


@dataclass(frozen=True)
class Scene:
    """Which camera sees which point, where it was measured, and a guess of all parameters.

    `parameters` has the cameras, then the points, then the weights, in one vector.
    """

    cameras: int
    points: int
    camera: Array
    point: Array
    measured: Array
    parameters: Array


def draw(cameras: int, points: int, observations: int, seed: int = 0) -> Scene:
    """Points around the origin, seen by cameras in front of them, from a seed."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(cameras, CAMERA)) * 0.1
    rows[:, 5] -= 6  # the center's z
    rows[:, 6] += 1.5  # the focal length
    rows[0, :3] = 0  # the first camera is not turned
    parameters = [rows.ravel(), rng.normal(size=3 * points), rng.uniform(0.5, 1.5, observations)]
    return Scene(
        cameras,
        points,
        camera=np.arange(observations) % cameras,
        point=rng.integers(points, size=observations),
        measured=rng.normal(size=(observations, 2)) * 0.3,
        parameters=np.concatenate(parameters),
    )


def projected(cameras: gc.Tensor, points: gc.Tensor) -> gc.Tensor:
    """Where each camera sees each point; [n, 11] and [n, 3] to [n, 2]."""
    seen = rotated(cameras[:, :3], points - cameras[:, 3:6])
    flat = seen[:, :2] / seen[:, 2:]
    square = gc.sum(flat * flat, axis=1, keepdims=True)
    first, second = cameras[:, 9:10], cameras[:, 10:]
    distorted = flat * (1 + first * square + second * square * square)
    return distorted * cameras[:, 6:7] + cameras[:, 7:9]


def residuals(parameters: gc.Tensor, scene: Scene) -> gc.Tensor:
    """Two for each observation, then one for each weight, in one vector."""
    ends = np.cumsum([CAMERA * scene.cameras, 3 * scene.points])
    cameras = gc.reshape(parameters[: ends[0]], (scene.cameras, CAMERA))
    points = gc.reshape(parameters[ends[0] : ends[1]], (scene.points, 3))
    weights = parameters[ends[1] :]
    seen = projected(gc.take(cameras, scene.camera, axis=0), gc.take(points, scene.point, axis=0))
    errors = weights[:, None] * (scene.measured - seen)
    return gc.concat([gc.flatten(errors), 1 - weights * weights])


def build(scene: Scene) -> tuple[gc.Tensor, gc.SparseJacobian]:
    """The residuals and their Jacobian, of a placeholder "parameters"."""
    with gc.Graph("bundle_adjustment"):
        parameters = gc.placeholder(gc.float64, scene.parameters.shape, name="parameters")
        errors = residuals(parameters, scene)
        return errors, gc.sparse_jacobian(errors, parameters)


def main(cameras: int, points: int, observations: int) -> int:
    scene = draw(cameras, points, observations)
    errors, jacobian = build(scene)
    with errors.graph:
        reverse = gc.jacobian(errors, errors.graph.find("parameters"), mode="reverse")
    fed = {"parameters": scene.parameters}
    with gc.Session(errors.graph) as session:
        value, found, whole = session.run([errors, jacobian.to_dense(), reverse], fed)

    def by_loops(x: Array) -> Array:
        seen = (scene.camera, scene.point, scene.measured)
        return plainly.bundle_adjustment(x, cameras, points, *seen)

    agreement = Agreement(
        f"{cameras} cameras, {points} points, {observations} observations: {jacobian}"
    )
    agreement.compare("residuals by loops", value, by_loops(scene.parameters))
    agreement.compare("sparse Jacobian in reverse, dense", found, whole)
    differences = central_differences(by_loops, scene.parameters)
    agreement.compare("sparse Jacobian by central differences", found, differences, 1e-8)
    agreement.checked(gc.check_gradients(errors, fed, reference=True))
    return agreement.exit_status


if __name__ == "__main__":
    sys.exit(main(cameras=4, points=12, observations=40))

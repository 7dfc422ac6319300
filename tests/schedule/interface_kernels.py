"""Kernels of programs written with the interface, word for word."""

from __future__ import annotations

import graphc as gc


def layer_norm() -> list[gc.Tensor]:
    x = gc.placeholder(gc.float32, ("n", 64))
    scale, shift = (gc.placeholder(gc.float32, (64,)) for _ in range(2))
    return [gc.nn.layer_norm(x, scale, shift)]


LAYER_NORM = """
    kernel(a0: f32[64*n], a1: f32[64], a2: f32[64], out a3: f32[64*n]) {
      parallel for $0 < n:
        fold %r0 = lanes sum:
          vector for $1 < 64:
            %r0 <- a0[64*$0 + $1]
        fold %r1 = lanes sum:
          vector for $2 < 64:
            t0 = mul(%r0, 0x1.0000000000000p-6)
            t1 = sub(a0[64*$0 + $2], t0)
            %r1 <- mul(t1, t1)
        vector for $3 < 64:
          a3[64*$0 + $3] = fma(mul(sub(a0[64*$0 + $3], t0), div(0x1.0000000000000p+0, sqrt(fma(%r1, 0x1.0000000000000p-6, 0x1.4f8b580000000p-17)))), a1[$3], a2[$3])
    }
"""  # noqa: E501


def weighted_gelu() -> list[gc.Tensor]:
    """A value over a long vector, and its gradient."""
    x, w = (gc.placeholder(gc.float32, ("n",)) for _ in range(2))
    loss = gc.sum(gc.nn.gelu(x) * w)
    return [loss, *gc.gradients(loss, x)]


WEIGHTED_GELU = """
    kernel(a0: f32[n], a1: f32[n], out a2: f32[(n + 4095)//4096], out a3: f32[n]) {
      parallel for $0 < (n + 4095)//4096:
        fold %r0 = lanes sum:
          vector for $1 < -max(-4096, 4096*$0 - n):
            t0 = mul(0x1.0000000000000p-1, a0[4096*$0 + $1])
            t1 = mul(a0[4096*$0 + $1], 0x1.6a09e60000000p-1)
            t2 = add(0x1.0000000000000p+0, erf(t1))
            %r0 <- mul(mul(t0, t2), a1[4096*$0 + $1])
            a3[4096*$0 + $1] = fma(mul(mul(mul(a1[4096*$0 + $1], t0), 0x1.20dd760000000p+0), exp(neg(mul(t1, t1)))), 0x1.6a09e60000000p-1, mul(mul(a1[4096*$0 + $1], t2), 0x1.0000000000000p-1))
        a2[$0] = %r0
    }
    kernel(a0: f32[(n + 4095)//4096], out a1: f32[1]) {
      fold %r0 = lanes sum:
        vector for $0 < (n + 4095)//4096:
          %r0 <- a0[$0]
      a1[0] = %r0
    }
"""  # noqa: E501

INTERFACE_KERNELS = {"layer norm": (layer_norm, LAYER_NORM), "gelu": (weighted_gelu, WEIGHTED_GELU)}

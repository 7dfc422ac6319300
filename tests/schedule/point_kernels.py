"""Kernels in which every point stands for itself, word for word."""

from __future__ import annotations

# title: a program without its braces, and its kernels
POINT_KERNELS = {
    "an elementwise chain in one loop": (
        """
        (%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = tanh(%x)
        %1: f32[n, 8] = mul(%0, %x)
        return %1
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[8*n]) {
          parallel vector for $1 < 8*n:
            a1[$1] = mul(tanh(a0[$1]), a0[$1])
        }
        """,
    ),
    "a broadcast is an index": (
        """
        (%x: f32[n, 8], %b: f32[8], %c: f32[n, 1]) -> f32[n, 8]
        %0: f32[n, 8] = broadcast_to(%b, shape=[n, 8])
        %1: f32[n, 8] = broadcast_to(%c, shape=[n, 8])
        %2: f32[n, 8] = add(%x, %0)
        %3: f32[n, 8] = mul(%2, %1)
        return %3
        """,
        """
        kernel(a0: f32[8*n], a1: f32[8], a2: f32[n], out a3: f32[8*n]) {
          parallel for $0 < n:
            vector for $1 < 8:
              a3[8*$0 + $1] = mul(add(a0[8*$0 + $1], a1[$1]), a2[$0])
        }
        """,
    ),
    "matmul, bias and relu": (
        """
        (%x: f32[n, 64], %w: f32[64, 10], %b: f32[10]) -> f32[n, 10]
        %0: f32[n, 10] = matmul(%x, %w)
        %1: f32[n, 10] = broadcast_to(%b, shape=[n, 10])
        %2: f32[n, 10] = add(%0, %1)
        %3: f32[] = constant(value=0.0)
        %4: f32[n, 10] = broadcast_to(%3, shape=[n, 10])
        %5: f32[n, 10] = maximum(%2, %4)
        return %5
        """,
        """
        kernel(a0: f32[64*n], a1: f32[640], a2: f32[10], out a3: f32[10*n]) {
          parallel for $0 < (n + 255)//256:
            %r0 = sum over $3 < 64 of
                a0[16384*$0 + 64*$1 + $3]
              * a1[$2 + 10*$3]
            for row $1 < -max(-256, 256*$0 - n), column $2 < 10:
              a3[2560*$0 + 10*$1 + $2] = maximum(add(%r0, a2[$2]), 0x0.0p+0)
        }
        """,
    ),
    "a transposed feed": (
        """
        (%x: f32[n, 8], %g: f32[n, 3]) -> f32[8, 3]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, 3] = matmul(%0, %g)
        return %1
        """,
        """
        kernel(a0: f32[8*n], a1: f32[3*n], out a2: f32[24]) {
          parallel for $0 < 1:
            %r0 = sum over $3 < n of
                a0[$1 + 8*$3]
              * a1[$2 + 3*$3]
            for row $1 < 8, column $2 < 3:
              a2[3*$1 + $2] = %r0
        }
        """,
    ),
    "a stack of products": (
        """
        (%x: f32[b, n, 8], %y: f32[b, 8, 3]) -> f32[b, n, 3]
        %0: f32[b, n, 3] = matmul(%x, %y)
        return %0
        """,
        """
        kernel(a0: f32[8*b*n], a1: f32[24*b], out a2: f32[3*b*n]) {
          parallel for $0 < ((n + 255)//256)*b:
            %r0 = sum over $3 < 8 of
                a0[8*($0//((n + 255)//256))*n + 2048*($0%((n + 255)//256)) + 8*$1 + $3]
              * a1[24*($0//((n + 255)//256)) + $2 + 3*$3]
            for row $1 < -max(-256, 256*($0%((n + 255)//256)) - n), column $2 < 3:
              a2[3*($0//((n + 255)//256))*n + 768*($0%((n + 255)//256)) + 3*$1 + $2] = %r0
        }
        """,
    ),
    "a slice backwards": (
        """
        (%x: f32[n, 9]) -> f32[n, 4]
        %0: f32[n, 4] = slice(%x, start=[0, 8], step=[1, -2], shape=[n, 4])
        return %0
        """,
        """
        kernel(a0: f32[9*n], out a1: f32[4*n]) {
          parallel for $0 < n:
            vector for $1 < 4:
              a1[4*$0 + $1] = a0[9*$0 - 2*$1 + 8]
        }
        """,
    ),
    "padding reads only what is there": (
        """
        (%x: f32[n]) -> f32[n + 3]
        %0: f32[n + 3] = pad(%x, low=[1], high=[2], value=0.5)
        return %0
        """,
        """
        kernel(a0: f32[n], out a1: f32[n + 3]) {
          parallel vector for $0 < n + 3:
            t0 = and(ge($0 - 1, 0), lt($0 - 1, n))
            a1[$0] = select(t0, a0[$0 - 1] if t0, 0x1.0000000000000p-1)
        }
        """,
    ),
    "one computed element, wherever it is read": (
        """
        (%x: f32[1]) -> f32[2]
        %0: f32[1] = sin(%x)
        %1: f32[2] = concat(%0, %0, axis=0)
        return %1
        """,
        """
        kernel(a0: f32[1], out a1: f32[2]) {
          vector for $0 < 2:
            t0 = lt($0, 1)
            t1 = sin(a0[0])
            a1[$0] = select(t0, select(t0, t1, 0x0.0p+0), select(ge($0 - 1, 0), t1, 0x0.0p+0))
        }
        """,
    ),
    "a gather checks positions and reads where they are right": (
        """
        (%x: f32[5, 3], %i: i32[n]) -> f32[n, 3]
        %0: f32[n, 3] = gather(%x, %i, axes=[0], position=0)
        %1: f32[n, 3] = exp(%0)
        return %1
        """,
        """
        kernel(a0: i32[n], a1: f32[15], out a2: f32[3*n]) {
          parallel for $0 < n:
            vector for $1 < 3:
              t0 = i64(a0[$0])
              a2[3*$0 + $1] = exp(a1[$1 + 3*[checked(i64(a0[$0]), 5)]] if and(ge(t0, neg(5)), lt(t0, 5)))
        }
        """,  # noqa: E501
    ),
    "a scan runs along its axis for every column": (
        """
        (%x: f32[n, 3]) -> f32[n, 3]
        %0: f32[n, 3] = cumsum(%x, axis=0)
        return %0
        """,
        """
        kernel(a0: f32[3*n], out a1: f32[3*n]) {
          parallel vector for $0 < 3:
            fold %r0 = sum:
              for $1 < n:
                %r0 <- a0[$0 + 3*$1]
                a1[$0 + 3*$1] = %r0
        }
        """,
    ),
    "a sort has room for keys and places": (
        """
        (%x: f32[n, 3]) -> i64[n, 3]
        %0: i64[n, 3] = argsort(%x, axis=0)
        return %0
        """,
        """
        kernel(a0: f32[3*n], out a1: f32[2*n], out a2: i64[2*n], out a3: i64[3*n]) {
          for $0 < 3:
            for $1 < n: a3[$0 + 3*$1] = argsort(a0[$0 + 3*$1]) using a1, a2
        }
        """,
    ),
    "two results in one kernel": (
        """
        (%x: f32[n]) -> (f32[n], f32[n])
        %0: f32[n] = exp(%x)
        %1: f32[n] = sin(%0)
        return %0, %1
        """,
        """
        kernel(a0: f32[n], out a1: f32[n], out a2: f32[n]) {
          parallel vector for $0 < n:
            t0 = exp(a0[$0])
            a1[$0] = t0
            a2[$0] = sin(t0)
        }
        """,
    ),
    "nothing but a number": (
        """
        () -> f32[]
        %0: f32[] = constant(value=2.5)
        return %0
        """,
        """
        kernel(out a0: f32[1]) {
          a0[0] = 0x1.4000000000000p+1
        }
        """,
    ),
    "a transposed result": (
        """
        (%x: f32[n, 6]) -> f32[6, n]
        %0: f32[6, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[6, n] = exp(%0)
        return %1
        """,
        """
        kernel(a0: f32[6*n], out a1: f32[6*n]) {
          parallel for $0 < 6:
            vector for $1 < n:
              a1[$0*n + $1] = exp(a0[$0 + 6*$1])
        }
        """,
    ),
    "a scatter copies first and then adds in order": (
        """
        (%x: f32[5, 3], %i: i32[n], %u: f32[n, 3]) -> f32[5, 3]
        %0: f32[5, 3] = scatter_add(%x, %i, %u, axes=[0], position=0)
        return %0
        """,
        """
        kernel(out a0: f32[15], a1: f32[15], a2: i32[n], a3: f32[3*n]) {
          for $0 < 5:
            vector for $1 < 3:
              a0[3*$0 + $1] = a1[3*$0 + $1]
          for $2 < n:
            vector for $3 < 3:
              t0 = i64(a2[$2])
              a0[$3 + 3*[checked(i64(a2[$2]), 5)]] sum= a3[3*$2 + $3] if and(ge(t0, neg(5)), lt(t0, 5))
        }
        """,  # noqa: E501
    ),
}

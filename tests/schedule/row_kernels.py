"""Kernels that work row by row or reduce, word for word."""

from __future__ import annotations

# title: a program without its braces, and its kernels
ROW_KERNELS = {
    "a sum along the last axis keeps lanes": (
        """
        (%x: f32[n, 8]) -> f32[n]
        %0: f32[n] = sum(%x, axes=[1])
        return %0
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[n]) {
          parallel for $0 < n:
            fold %r0 = lanes sum:
              vector for $1 < 8:
                %r0 <- a0[8*$0 + $1]
            a1[$0] = %r0
        }
        """,
    ),
    "a sum along the first axis has its lanes side by side": (
        """
        (%x: f32[n, 8]) -> f32[8]
        %0: f32[8] = sum(%x, axes=[0])
        return %0
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[8*((n + 63)//64)]) {
          parallel for $0 < (n + 63)//64:
            vector for $3 < 8:
              a1[8*$0 + $3] = -0x0.0p+0
            for $1 < -max(-64, 64*$0 - n):
              vector for $2 < 8:
                a1[8*$0 + $2] sum= a0[512*$0 + 8*$1 + $2]
        }
        kernel(a0: f32[8*((n + 63)//64)], out a1: f32[8]) {
          parallel vector for $0 < 8:
            fold %r0 = sum:
              for $1 < (n + 63)//64:
                %r0 <- a0[$0 + 8*$1]
            a1[$0] = %r0
        }
        """,
    ),
    "views on the way to a sum": (
        """
        (%x: f32[n, 6]) -> f32[3, 2]
        %0: f32[n, 3, 2] = reshape(%x, shape=[n, 3, 2])
        %1: f32[n, 3, 2] = flip(%0, axes=[1])
        %2: f32[3, 2] = sum(%1, axes=[0])
        return %2
        """,
        """
        kernel(a0: f32[6*n], out a1: f32[6*((n + 63)//64)]) {
          parallel for $0 < (n + 63)//64:
            for $8 < 3:
              vector for $9 < 2:
                a1[6*$0 + 2*$8 + $9] = -0x0.0p+0
            for $4 < (-max(-64, 64*$0 - n))//4:
              for $2 < 3:
                vector for $3 < 2:
                  a1[6*$0 + 2*$2 + $3] = add(add(add(add(a1[6*$0 + 2*$2 + $3], a0[384*$0 - 2*$2 + $3 + 24*$4 + 4]), a0[384*$0 - 2*$2 + $3 + 24*$4 + 10]), a0[384*$0 - 2*$2 + $3 + 24*$4 + 16]), a0[384*$0 - 2*$2 + $3 + 24*$4 + 22])
            for $5 < -4*((-max(-64, 64*$0 - n))//4) - max(-64, 64*$0 - n):
              for $6 < 3:
                vector for $7 < 2:
                  a1[6*$0 + 2*$6 + $7] sum= a0[384*$0 + 6*$5 - 2*$6 + $7 + 24*((-max(-64, 64*$0 - n))//4) + 4]
        }
        kernel(a0: f32[6*((n + 63)//64)], out a1: f32[6]) {
          parallel vector for $1 < 6:
            fold %r0 = sum:
              for $2 < (n + 63)//64:
                %r0 <- a0[$1 + 6*$2]
            a1[$1] = %r0
        }
        """,  # noqa: E501
    ),
    "softmax over rows holds a row in scratch": (
        """
        (%x: f32[n, 10]) -> f32[n, 10]
        %0: f32[n] = max(%x, axes=[1])
        %1: f32[n, 1] = reshape(%0, shape=[n, 1])
        %2: f32[n, 10] = broadcast_to(%1, shape=[n, 10])
        %3: f32[n, 10] = sub(%x, %2)
        %4: f32[n, 10] = exp(%3)
        %5: f32[n] = sum(%4, axes=[1])
        %6: f32[n, 1] = reshape(%5, shape=[n, 1])
        %7: f32[n, 10] = broadcast_to(%6, shape=[n, 10])
        %8: f32[n, 10] = div(%4, %7)
        return %8
        """,
        """
        kernel(a0: f32[10*n], out a1: f32[10*n]) scratch s0: f32[10] {
          parallel for $0 < n:
            fold %r0 = lanes max:
              vector for $1 < 10:
                %r0 <- a0[10*$0 + $1]
            fold %r1 = lanes sum:
              vector for $2 < 10:
                t0 = exp(sub(a0[10*$0 + $2], %r0))
                %r1 <- t0
                s0[$2] = t0
            vector for $3 < 10:
              a1[10*$0 + $3] = div(s0[$3], %r1)
        }
        """,
    ),
    "rows of unknown length are held in memory": (
        """
        (%x: f32[n, m]) -> f32[n, m]
        %0: f32[n] = max(%x, axes=[1])
        %1: f32[n, 1] = reshape(%0, shape=[n, 1])
        %2: f32[n, m] = broadcast_to(%1, shape=[n, m])
        %3: f32[n, m] = sub(%x, %2)
        %4: f32[n, m] = exp(%3)
        %5: f32[n] = sum(%4, axes=[1])
        %6: f32[n, 1] = reshape(%5, shape=[n, 1])
        %7: f32[n, m] = broadcast_to(%6, shape=[n, m])
        %8: f32[n, m] = div(%4, %7)
        return %8
        """,
        """
        kernel(a0: f32[m*n], out a1: f32[m*n], out a2: f32[m*n]) {
          parallel for $0 < n:
            fold %r0 = lanes max:
              vector for $1 < m:
                %r0 <- a0[$0*m + $1]
            fold %r1 = lanes sum:
              vector for $2 < m:
                t0 = exp(sub(a0[$0*m + $2], %r0))
                %r1 <- t0
                a1[$0*m + $2] = t0
            vector for $3 < m:
              a2[$0*m + $3] = div(a1[$0*m + $3], %r1)
        }
        """,
    ),
    "a row's sum and maximum and the sum of columns in one pass": (
        """
        (%x: f32[n, 8]) -> (f32[n], f32[8], f32[n])
        %0: f32[n] = sum(%x, axes=[1])
        %1: f32[8] = sum(%x, axes=[0])
        %2: f32[n] = max(%x, axes=[1])
        return %0, %1, %2
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[n], out a2: f32[8*((n + 63)//64)], out a3: f32[n]) {
          parallel for $0 < (n + 63)//64:
            vector for $6 < 8:
              a2[8*$0 + $6] = -0x0.0p+0
            for $3 < (-max(-64, 64*$0 - n))//4:
              fold %r0 = lanes sum, %r1 = lanes max, %r2 = lanes sum, %r3 = lanes max, %r4 = lanes sum, %r5 = lanes max, %r6 = lanes sum, %r7 = lanes max:
                vector for $2 < 8:
                  %r0 <- a0[512*$0 + $2 + 32*$3]
                  %r2 <- a0[512*$0 + $2 + 32*$3 + 8]
                  %r4 <- a0[512*$0 + $2 + 32*$3 + 16]
                  %r6 <- a0[512*$0 + $2 + 32*$3 + 24]
                  a2[8*$0 + $2] = add(add(add(add(a2[8*$0 + $2], a0[512*$0 + $2 + 32*$3]), a0[512*$0 + $2 + 32*$3 + 8]), a0[512*$0 + $2 + 32*$3 + 16]), a0[512*$0 + $2 + 32*$3 + 24])
                  %r1 <- a0[512*$0 + $2 + 32*$3]
                  %r3 <- a0[512*$0 + $2 + 32*$3 + 8]
                  %r5 <- a0[512*$0 + $2 + 32*$3 + 16]
                  %r7 <- a0[512*$0 + $2 + 32*$3 + 24]
              a1[64*$0 + 4*$3] = %r0
              a3[64*$0 + 4*$3] = %r1
              a1[64*$0 + 4*$3 + 1] = %r2
              a3[64*$0 + 4*$3 + 1] = %r3
              a1[64*$0 + 4*$3 + 2] = %r4
              a3[64*$0 + 4*$3 + 2] = %r5
              a1[64*$0 + 4*$3 + 3] = %r6
              a3[64*$0 + 4*$3 + 3] = %r7
            for $4 < -4*((-max(-64, 64*$0 - n))//4) - max(-64, 64*$0 - n):
              fold %r8 = lanes sum, %r9 = lanes max:
                vector for $5 < 8:
                  %r8 <- a0[512*$0 + 8*$4 + $5 + 32*((-max(-64, 64*$0 - n))//4)]
                  a2[8*$0 + $5] sum= a0[512*$0 + 8*$4 + $5 + 32*((-max(-64, 64*$0 - n))//4)]
                  %r9 <- a0[512*$0 + 8*$4 + $5 + 32*((-max(-64, 64*$0 - n))//4)]
              a1[64*$0 + $4 + 4*((-max(-64, 64*$0 - n))//4)] = %r8
              a3[64*$0 + $4 + 4*((-max(-64, 64*$0 - n))//4)] = %r9
        }
        kernel(a0: f32[8*((n + 63)//64)], out a1: f32[8]) {
          parallel vector for $0 < 8:
            fold %r0 = sum:
              for $1 < (n + 63)//64:
                %r0 <- a0[$0 + 8*$1]
            a1[$0] = %r0
        }
        """,  # noqa: E501
    ),
    "few rows are summed at once": (
        """
        (%x: f32[64, 8]) -> f32[8]
        %0: f32[8] = sum(%x, axes=[0])
        return %0
        """,
        """
        kernel(a0: f32[512], out a1: f32[8]) {
          parallel vector for $0 < 8:
            fold %r0 = sum:
              for $1 < 64:
                %r0 <- a0[$0 + 8*$1]
            a1[$0] = %r0
        }
        """,
    ),
    "all of a matrix, row by row": (
        """
        (%x: f32[130, 8]) -> f32[]
        %0: f32[] = sum(%x, axes=[0, 1])
        return %0
        """,
        """
        kernel(a0: f32[1040], out a1: f32[3]) {
          parallel for $0 < 3:
            a1[$0] = -0x0.0p+0
            for $1 < -max(-64, 64*$0 - 130):
              fold %r0 = lanes sum:
                vector for $2 < 8:
                  %r0 <- a0[512*$0 + 8*$1 + $2]
              a1[$0] sum= %r0
        }
        kernel(a0: f32[3], out a1: f32[1]) {
          fold %r0 = lanes sum:
            vector for $0 < 3:
              %r0 <- a0[$0]
          a1[0] = %r0
        }
        """,
    ),
    "a vector in chunks": (
        """
        (%x: f32[n]) -> f32[]
        %0: f32[] = prod(%x, axes=[0])
        return %0
        """,
        """
        kernel(a0: f32[n], out a1: f32[(n + 4095)//4096]) {
          parallel for $0 < (n + 4095)//4096:
            fold %r0 = lanes prod:
              vector for $1 < -max(-4096, 4096*$0 - n):
                %r0 <- a0[4096*$0 + $1]
            a1[$0] = %r0
        }
        kernel(a0: f32[(n + 4095)//4096], out a1: f32[1]) {
          fold %r0 = lanes prod:
            vector for $0 < (n + 4095)//4096:
              %r0 <- a0[$0]
          a1[0] = %r0
        }
        """,
    ),
    "what needs the whole of a vector is shared out again": (
        """
        (%x: f32[n]) -> f32[n]
        %0: f32[] = max(%x, axes=[0])
        %1: f32[n] = broadcast_to(%0, shape=[n])
        %2: f32[n] = sub(%x, %1)
        return %2
        """,
        """
        kernel(a0: f32[n], out a1: f32[(n + 4095)//4096]) {
          parallel for $0 < (n + 4095)//4096:
            fold %r0 = lanes max:
              vector for $1 < -max(-4096, 4096*$0 - n):
                %r0 <- a0[4096*$0 + $1]
            a1[$0] = %r0
        }
        kernel(a0: f32[(n + 4095)//4096], out a1: f32[1]) {
          fold %r0 = lanes max:
            vector for $0 < (n + 4095)//4096:
              %r0 <- a0[$0]
          a1[0] = %r0
        }
        kernel(a0: f32[n], a1: f32[1], out a2: f32[n]) {
          parallel vector for $0 < n:
            a2[$0] = sub(a0[$0], a1[0])
        }
        """,
    ),
    "a reduction along the row for every part of it": (
        """
        (%x: f32[n, 4, 6]) -> (f32[n, 4], f32[n])
        %0: f32[n, 4] = sum(%x, axes=[2])
        %1: f32[n] = max(%0, axes=[1])
        return %0, %1
        """,
        """
        kernel(a0: f32[24*n], out a1: f32[4*n], out a2: f32[n]) {
          parallel for $0 < n:
            for $1 < 4:
              fold %r0 = lanes sum:
                vector for $2 < 6:
                  %r0 <- a0[24*$0 + 6*$1 + $2]
              a1[4*$0 + $1] = %r0
            fold %r1 = lanes max:
              vector for $3 < 4:
                %r1 <- a1[4*$0 + $3]
            a2[$0] = %r1
        }
        """,
    ),
    "the position of a row's maximum": (
        """
        (%x: f32[5, n]) -> i64[5]
        %0: i64[5] = argmax(%x, axis=1)
        return %0
        """,
        """
        kernel(a0: f32[5*n], out a1: i64[5]) {
          parallel for $0 < 5:
            fold %r0 = lanes argmax:
              vector for $1 < n:
                %r0 <- a0[$0*n + $1]
            a1[$0] = checked(%r0, n)
        }
        """,
    ),
    "dims that are called as locals are": (
        """
        (%x: f32[r0, t0]) -> f32[r0, t0]
        %0: f32[r0] = max(%x, axes=[1])
        %1: f32[r0, 1] = reshape(%0, shape=[r0, 1])
        %2: f32[r0, t0] = broadcast_to(%1, shape=[r0, t0])
        %3: f32[r0, t0] = sub(%x, %2)
        %4: f32[r0, t0] = exp(%3)
        %5: f32[r0] = sum(%4, axes=[1])
        %6: f32[r0, 1] = reshape(%5, shape=[r0, 1])
        %7: f32[r0, t0] = broadcast_to(%6, shape=[r0, t0])
        %8: f32[r0, t0] = div(%4, %7)
        return %8
        """,
        """
        kernel(a0: f32[r0*t0], out a1: f32[r0*t0], out a2: f32[r0*t0]) {
          parallel for $0 < r0:
            fold %r0 = lanes max:
              vector for $1 < t0:
                %r0 <- a0[$0*t0 + $1]
            fold %r1 = lanes sum:
              vector for $2 < t0:
                t0 = exp(sub(a0[$0*t0 + $2], %r0))
                %r1 <- t0
                a1[$0*t0 + $2] = t0
            vector for $3 < t0:
              a2[$0*t0 + $3] = div(a1[$0*t0 + $3], %r1)
        }
        """,
    ),
}

"""The kernels of products, word for word."""

from __future__ import annotations

# title: a program without its braces, and its kernels
PRODUCT_KERNELS = {
    "the smaller operand is turned where depth lies last in both": (
        """
        (%x: f32[16, 2000], %y: f32[100, 2000]) -> f32[16, 100]
        %0: f32[2000, 100] = permute_dims(%y, axes=[1, 0])
        %1: f32[16, 100] = matmul(%x, %0)
        return %1
        """,
        """
        kernel(a0: f32[32000], a1: f32[200000], out a2: f32[1600]) {
          parallel for $0 < 2:
            %r0 = sum over $3 < 2000 of
                a1[112000*$0 + 2000*$1 + $3]
              * a0[2000*$2 + $3]
            for row $1 < -max(-56, 56*$0 - 100), column $2 < 16:
              a2[56*$0 + $1 + 100*$2] = %r0
        }
        """,
    ),
    "rows and columns stay where one of them is of any number": (
        """
        (%x: f32[16, 2000], %y: f32[n, 2000]) -> f32[16, n]
        %0: f32[2000, n] = permute_dims(%y, axes=[1, 0])
        %1: f32[16, n] = matmul(%x, %0)
        return %1
        """,
        """
        kernel(a0: f32[32000], a1: f32[2000*n], out a2: f32[16*n]) {
          parallel for $0 < (n + 511)//512:
            %r0 = sum over $3 < 2000 of
                a0[2000*$1 + $3]
              * a1[1024000*$0 + 2000*$2 + $3]
            for row $1 < 16, column $2 < -max(-512, 512*$0 - n):
              a2[$1*n + 512*$0 + $2] = %r0
        }
        """,
    ),
    "a long sum with few results in parts": (
        """
        (%x: f32[n, 128], %g: f32[n, 128]) -> f32[128, 128]
        %0: f32[128, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[128, 128] = matmul(%0, %g)
        return %1
        """,
        """
        kernel(a0: f32[128*n], a1: f32[128*n], out a2: f32[16384*((n - 1)//(max((n + 7)//8, 512))) + 16384]) {
          parallel for $0 < (n - 1)//(max((n + 7)//8, 512)) + 1:
            %r0 = sum over $3 < -max($0*max((n + 7)//8, 512) - n, -max((n + 7)//8, 512)) of
                a0[128*$0*max((n + 7)//8, 512) + $1 + 128*$3]
              * a1[128*$0*max((n + 7)//8, 512) + $2 + 128*$3]
            for row $1 < 128, column $2 < 128:
              a2[16384*$0 + 128*$1 + $2] = %r0
        }
        kernel(a0: f32[16384*((n - 1)//(max((n + 7)//8, 512))) + 16384], out a1: f32[16384]) {
          parallel vector for $1 < 16384:
            fold %r0 = sum:
              for $2 < (n - 1)//(max((n + 7)//8, 512)) + 1:
                %r0 <- a0[$1 + 16384*$2]
            a1[$1] = %r0
        }
        """,  # noqa: E501
    ),
    "a padded convolution, whose columns are all positions of an image": (
        """
        (%x: f32[n, 3, 9, 9], %w: f32[8, 3, 3, 3], %c: f32[8, 1, 1]) -> f32[n, 8, 9, 9]
        %0: f32[n, 8, 9, 9] = convolution(%x, %w, strides=[1, 1], low=[1, 1], high=[1, 1], dilations=[1, 1])
        %1: f32[n, 8, 9, 9] = broadcast_to(%c, shape=[n, 8, 9, 9])
        %2: f32[n, 8, 9, 9] = add(%0, %1)
        return %2
        """,  # noqa: E501
        """
        kernel(a0: f32[216], a1: f32[243*n], a2: f32[8], out a3: f32[648*n]) {
          parallel for $0 < n:
            %r0 = sum over $4 < 3 and $5 < 3 and $6 < 3 of
                a0[27*$1 + 9*$4 + 3*$5 + $6]
              * a1[243*$0 + 9*$2 + $3 + 81*$4 + 9*$5 + $6 - 10] if and(and(ge($2 + $5 - 1, 0), lt($2 + $5 - 1, 9)), and(ge($3 + $6 - 1, 0), lt($3 + $6 - 1, 9)))
            for row $1 < 8, column $3 < 81 through $2 < 9 and $3 < 9:
              a3[648*$0 + 81*$1 + $3] = add(%r0, a2[$1])
        }
        """,  # noqa: E501
    ),
    "columns of one dim, where what is added follows that alone": (
        """
        (%x: f32[n, 3, 9, 9], %w: f32[8, 3, 3, 3], %c: f32[9]) -> f32[n, 8, 9, 9]
        %0: f32[n, 8, 9, 9] = convolution(%x, %w, strides=[1, 1], low=[1, 1], high=[1, 1], dilations=[1, 1])
        %1: f32[n, 8, 9, 9] = broadcast_to(%c, shape=[n, 8, 9, 9])
        %2: f32[n, 8, 9, 9] = add(%0, %1)
        return %2
        """,  # noqa: E501
        """
        kernel(a0: f32[216], a1: f32[243*n], a2: f32[9], out a3: f32[648*n]) {
          parallel for $0 < 9*n:
            %r0 = sum over $3 < 3 and $4 < 3 and $5 < 3 of
                a0[27*$1 + 9*$3 + 3*$4 + $5]
              * a1[9*($0%9) + 243*($0//9) + $2 + 81*$3 + 9*$4 + $5 - 10] if and(and(ge($0%9 + $4 - 1, 0), lt($0%9 + $4 - 1, 9)), and(ge($2 + $5 - 1, 0), lt($2 + $5 - 1, 9)))
            for row $1 < 8, column $2 < 9:
              a3[9*($0%9) + 648*($0//9) + 81*$1 + $2] = add(%r0, a2[$2])
        }
        """,  # noqa: E501
    ),
    "columns are channels and places in a window": (
        """
        (%x: f32[4, 3, 90], %g: f32[4, 8, 88]) -> f32[8, 3, 3]
        %0: f32[8, 3, 3] = convolution_weights(%x, %g, strides=[1], low=[0], high=[0], dilations=[1], shape=[3])
        return %0
        """,  # noqa: E501
        """
        kernel(a0: f32[2816], a1: f32[1080], out a2: f32[72]) {
          parallel for $0 < 1:
            %r0 = sum over $4 < 4 and $5 < 88 of
                a0[88*$1 + 704*$4 + $5]
              * a1[90*$2 + $3 + 270*$4 + $5]
            for row $1 < 8, column $3 < 9 through $2 < 3 and $3 < 3:
              a2[9*$1 + $3] = %r0
        }
        """,
    ),
    "a formula is computed as it is packed": (
        """
        (%x: i8[n, 64], %s: f32[64], %w: f32[64, 100]) -> f32[n, 100]
        %0: f32[n, 64] = astype(%x, dtype=f32)
        %1: f32[n, 64] = broadcast_to(%s, shape=[n, 64])
        %2: f32[n, 64] = mul(%0, %1)
        %3: f32[n, 100] = matmul(%2, %w)
        return %3
        """,
        """
        kernel(a0: i8[64*n], a1: f32[64], a2: f32[6400], out a3: f32[100*n]) {
          parallel for $0 < 2*((n + 255)//256):
            %r0 = sum over $3 < 64 of
                mul(f32(a0[16384*($0//2) + 64*$1 + $3]), a1[$3])
              * a2[64*($0%2) + $2 + 100*$3]
            for row $1 < -max(-256, 256*($0//2) - n), column $2 < -max(-64, 64*($0%2) - 100):
              a3[64*($0%2) + 25600*($0//2) + 100*$1 + $2] = %r0
        }
        """,
    ),
    "small pictures are taken several together": (
        """
        (%x: f32[n, 3, 9, 9], %w: f32[24, 3, 3, 3]) -> f32[n, 24, 9, 9]
        %0: f32[n, 24, 9, 9] = convolution(%x, %w, strides=[1, 1], low=[1, 1], high=[1, 1], dilations=[1, 1])
        return %0
        """,  # noqa: E501
        """
        kernel(a0: f32[648], a1: f32[243*n], out a2: f32[1944*n]) {
          parallel for $0 < (n + 5)//6:
            %r0 = sum over $5 < 3 and $6 < 3 and $7 < 3 of
                a0[27*$1 + 9*$5 + 3*$6 + $7]
              * a1[1458*$0 + 243*$2 + 9*$3 + $4 + 81*$5 + 9*$6 + $7 - 10] if and(and(ge($3 + $6 - 1, 0), lt($3 + $6 - 1, 9)), and(ge($4 + $7 - 1, 0), lt($4 + $7 - 1, 9)))
            for row $1 < 24, column $8 < -81*max(-6, 6*$0 - n) through $2 < -max(-6, 6*$0 - n) and $3 < 9 and $4 < 9:
              a2[11664*$0 + 81*$1 + 1944*$2 + 9*$3 + $4] = %r0
        }
        """,  # noqa: E501
    ),
    "a derivative by strided data falls into pieces": (
        """
        (%g: f32[n, 8, 20], %w: f32[8, 5, 3]) -> f32[n, 5, 41]
        %0: f32[n, 5, 41] = convolution_input(%g, %w, strides=[2], low=[0], high=[0], dilations=[1], shape=[41])
        return %0
        """,  # noqa: E501
        """
        kernel(a0: f32[120], a1: f32[160*n], out a2: f32[205*n]) {
          parallel for $0 < n:
            %r0 = sum over $4 < 8 and $5 < 2 of
                a0[3*$2 + 15*$4 + 2*$5]
              * a1[160*$0 + $3 + 20*$4 - $5] if and(ge($3 - $5, 0), lt($3 - $5, 20))
            for row $2 < 5, column $3 < 21:
              a2[205*$0 + 41*$2 + 2*$3] = %r0
            %r1 = sum over $9 < 8 and $10 < 1 of
                a0[3*$7 + 15*$9 + 1]
              * a1[160*$0 + $8 + 20*$9]
            for row $7 < 5, column $8 < 20:
              a2[205*$0 + 41*$7 + 2*$8 + 1] = %r1
        }
        """,
    ),
    "a formula is zero in the padding": (
        """
        (%x: f32[n, 3, 90], %w: f32[8, 3, 3]) -> f32[n, 8, 90]
        %0: f32[n, 3, 90] = neg(%x)
        %1: f32[n, 8, 90] = convolution(%0, %w, strides=[1], low=[1], high=[1], dilations=[1])
        return %1
        """,
        """
        kernel(a0: f32[72], a1: f32[270*n], out a2: f32[720*n]) {
          parallel for $0 < n:
            t0 = and(ge($2 + $4 - 1, 0), lt($2 + $4 - 1, 90))
            %r0 = sum over $3 < 3 and $4 < 3 of
                a0[9*$1 + 3*$3 + $4]
              * select(t0, neg(a1[270*$0 + $2 + 90*$3 + $4 - 1] if t0), 0x0.0p+0)
            for row $1 < 8, column $2 < 90:
              a2[720*$0 + 90*$1 + $2] = %r0
        }
        """,
    ),
    "rows are those of all the stack, for one matrix": (
        """
        (%x: f32[n, 5, 64], %w: f32[64, 100]) -> f32[n, 5, 100]
        %0: f32[n, 64, 100] = broadcast_to(%w, shape=[n, 64, 100])
        %1: f32[n, 5, 100] = matmul(%x, %0)
        return %1
        """,
        """
        kernel(a0: f32[320*n], a1: f32[6400], out a2: f32[500*n]) {
          parallel for $0 < 2*((5*n + 255)//256):
            %r0 = sum over $3 < 64 of
                a0[16384*($0//2) + 64*$1 + $3]
              * a1[64*($0%2) + $2 + 100*$3]
            for row $1 < -max(-256, 256*($0//2) - 5*n), column $2 < -max(-64, 64*($0%2) - 100):
              a2[64*($0%2) + 25600*($0//2) + 100*$1 + $2] = %r0
        }
        """,
    ),
    "one matrix times a stack": (
        """
        (%x: f32[n, 64, 100], %w: f32[5, 64]) -> f32[n, 5, 100]
        %0: f32[n, 5, 64] = broadcast_to(%w, shape=[n, 5, 64])
        %1: f32[n, 5, 100] = matmul(%0, %x)
        return %1
        """,
        """
        kernel(a0: f32[320], a1: f32[6400*n], out a2: f32[500*n]) {
          parallel for $0 < n:
            %r0 = sum over $3 < 64 of
                a0[64*$1 + $3]
              * a1[6400*$0 + $2 + 100*$3]
            for row $1 < 5, column $2 < 100:
              a2[500*$0 + 100*$1 + $2] = %r0
        }
        """,
    ),
    "too small for blocks": (
        """
        (%x: f32[8, 8], %w: f32[8, 8]) -> f32[8, 8]
        %0: f32[8, 8] = matmul(%x, %w)
        return %0
        """,
        """
        kernel(a0: f32[64], a1: f32[64], out a2: f32[64]) {
          parallel for $0 < 8:
            vector for $1 < 8:
              fold %r0 = dot:
                for $2 < 8:
                  %r0 <- a0[8*$0 + $2], a1[$1 + 8*$2]
              a2[8*$0 + $1] = %r0
        }
        """,
    ),
    "integers take the plain form": (
        """
        (%x: i32[64, 64], %w: i32[64, 64]) -> i32[64, 64]
        %0: i32[64, 64] = matmul(%x, %w)
        return %0
        """,
        """
        kernel(a0: i32[4096], a1: i32[4096], out a2: i32[4096]) {
          parallel for $0 < 64:
            vector for $1 < 64:
              fold %r0 = dot:
                for $2 < 64:
                  %r0 <- a0[64*$0 + $2], a1[$1 + 64*$2]
              a2[64*$0 + $1] = %r0
        }
        """,
    ),
    "blocks of rows and columns": (
        """
        (%x: f64[1000, 64], %w: f64[64, 3000]) -> f64[1000, 3000]
        %0: f64[1000, 3000] = matmul(%x, %w)
        return %0
        """,
        """
        kernel(a0: f64[64000], a1: f64[192000], out a2: f64[3000000]) {
          parallel for $0 < 3:
            %r0 = sum over $3 < 64 of
                a0[64*$1 + $3]
              * a1[1024*$0 + $2 + 3000*$3]
            for row $1 < 1000, column $2 < -max(-1024, 1024*$0 - 3000):
              a2[1024*$0 + 3000*$1 + $2] = %r0
        }
        """,
    ),
    "products that stand side by side in memory are taken together": (
        """
        (%x: f32[900, 50, 32], %w: f32[50, 32, 32]) -> f32[900, 50, 32]
        %0: f32[900, 50, 32] = contract(%x, %w, subscripts="abc,bcd->abd")
        return %0
        """,
        """
        kernel(a0: f32[1440000], a1: f32[51200], out a2: f32[1440000]) {
          parallel for $0 < 600:
            %r0 = sum over $3 < 32 of
                a0[32*($0%50) + 128000*($0//50) + 1600*$1 + $3]
              * a1[1024*($0%50) + $2 + 32*$3]
            for row $1 < -max(-80, 80*($0//50) - 900), column $2 < 32:
              a2[32*($0%50) + 128000*($0//50) + 1600*$1 + $2] = %r0
        }
        """,
    ),
    "the longer side is cut": (
        """
        (%x: f32[100, 256], %w: f32[256, 512]) -> f32[100, 512]
        %0: f32[100, 512] = matmul(%x, %w)
        return %0
        """,
        """
        kernel(a0: f32[25600], a1: f32[131072], out a2: f32[51200]) {
          parallel for $0 < 2:
            %r0 = sum over $3 < 256 of
                a0[256*$1 + $3]
              * a1[256*$0 + $2 + 512*$3]
            for row $1 < 100, column $2 < 256:
              a2[256*$0 + 512*$1 + $2] = %r0
        }
        """,
    ),
    "rows stay whole where much is stored for each result": (
        """
        (%x: f32[99, 256], %w: f32[256, 512], %y: f32[99, 512]) -> (f32[99, 512], f32[99, 512], f32[99, 512])
        %0: f32[99, 512] = matmul(%x, %w)
        %1: f32[99, 512] = mul(%0, %y)
        %2: f32[99, 512] = add(%0, %y)
        return %0, %1, %2
        """,  # noqa: E501
        """
        kernel(a0: f32[25344], a1: f32[131072], out a2: f32[50688], a3: f32[50688], out a4: f32[50688], out a5: f32[50688]) {
          parallel for $0 < 2:
            %r0 = sum over $3 < 256 of
                a0[14336*$0 + 256*$1 + $3]
              * a1[$2 + 512*$3]
            for row $1 < -max(-56, 56*$0 - 99), column $2 < 512:
              a2[28672*$0 + 512*$1 + $2] = %r0
              a4[28672*$0 + 512*$1 + $2] = mul(%r0, a3[28672*$0 + 512*$1 + $2])
              a5[28672*$0 + 512*$1 + $2] = add(%r0, a3[28672*$0 + 512*$1 + $2])
        }
        """,  # noqa: E501
    ),
    "a formula of few elements is packed by every product that reads it": (
        """
        (%x: f32[40, 32], %m: f32[50, 32], %v: f32[32, 64], %w: f32[32, 64]) -> (f32[40, 50, 64], f32[40, 50, 64])
        %0: f32[40, 1, 32] = reshape(%x, shape=[40, 1, 32])
        %1: f32[40, 50, 32] = broadcast_to(%0, shape=[40, 50, 32])
        %2: f32[40, 50, 32] = broadcast_to(%m, shape=[40, 50, 32])
        %3: f32[40, 50, 32] = sub(%1, %2)
        %4: f32[40, 50, 64] = contract(%3, %v, subscripts="abc,cd->abd")
        %5: f32[40, 50, 64] = contract(%3, %w, subscripts="abc,cd->abd")
        return %4, %5
        """,  # noqa: E501
        """
        kernel(a0: f32[1280], a1: f32[1600], a2: f32[2048], out a3: f32[128000]) {
          parallel for $0 < 2:
            %r0 = sum over $4 < 32 of
                sub(a0[640*$0 + 32*$1 + $4], a1[32*$2 + $4])
              * a2[$3 + 64*$4]
            for row $2 < 1000 through $1 < 20 and $2 < 50, column $3 < 64:
              a3[64000*$0 + 64*$2 + $3] = %r0
        }
        kernel(a0: f32[1280], a1: f32[1600], a2: f32[2048], out a3: f32[128000]) {
          parallel for $0 < 2:
            %r0 = sum over $4 < 32 of
                sub(a0[640*$0 + 32*$1 + $4], a1[32*$2 + $4])
              * a2[$3 + 64*$4]
            for row $2 < 1000 through $1 < 20 and $2 < 50, column $3 < 64:
              a3[64000*$0 + 64*$2 + $3] = %r0
        }
        """,
    ),
    "blocks of columns alone": (
        """
        (%x: f64[20, 640], %w: f64[640, 300]) -> f64[20, 300]
        %0: f64[20, 300] = matmul(%x, %w)
        return %0
        """,
        """
        kernel(a0: f64[12800], a1: f64[192000], out a2: f64[6000]) {
          parallel for $0 < 2:
            %r0 = sum over $3 < 640 of
                a0[640*$1 + $3]
              * a1[160*$0 + $2 + 300*$3]
            for row $1 < 20, column $2 < -max(-160, 160*$0 - 300):
              a2[160*$0 + 300*$1 + $2] = %r0
        }
        """,
    ),
    "a bias' gradient grows while the results come up": (
        """
        (%x: f32[n, 300], %y: f32[300, 500], %z: f32[n, 500]) -> (f32[n, 500], f32[500])
        %0: f32[n, 500] = matmul(%x, %y)
        %1: f32[n, 500] = mul(%0, %z)
        %2: f32[500] = sum(%1, axes=[0])
        return %1, %2
        """,
        """
        kernel(a0: f32[300*n], a1: f32[150000], a2: f32[500*n], out a3: f32[500*n], out a4: f32[500*((n + 63)//64)]) {
          parallel for $0 < 2*((n + 255)//256):
            for $4 < (-max(-256, 256*($0//2) - n) + 63)//64:
              vector for $5 < -max(-256, 256*($0%2) - 500):
                a4[256*($0%2) + 2000*($0//2) + 500*$4 + $5] = -0x0.0p+0
            %r0 = sum over $3 < 300 of
                a0[76800*($0//2) + 300*$1 + $3]
              * a1[256*($0%2) + $2 + 500*$3]
            for row $1 < -max(-256, 256*($0//2) - n), column $2 < -max(-256, 256*($0%2) - 500):
              t0 = mul(%r0, a2[256*($0%2) + 128000*($0//2) + 500*$1 + $2])
              a4[256*($0%2) + 2000*($0//2) + 500*($1//64) + $2] sum= t0
              a3[256*($0%2) + 128000*($0//2) + 500*$1 + $2] = t0
        }
        kernel(a0: f32[500*((n + 63)//64)], out a1: f32[500]) {
          parallel vector for $0 < 500:
            fold %r0 = sum:
              for $1 < (n + 63)//64:
                %r0 <- a0[$0 + 500*$1]
            a1[$0] = %r0
        }
        """,  # noqa: E501
    ),
    "blocks of rows are not cut where rows are reduced": (
        """
        (%x: f32[300, 400], %y: f32[400, 50]) -> f32[50]
        %0: f32[300, 50] = matmul(%x, %y)
        %1: f32[50] = max(%0, axes=[0])
        return %1
        """,
        """
        kernel(a0: f32[120000], a1: f32[20000], out a2: f32[250]) {
          parallel for $0 < 2:
            for $4 < (-max(-192, 192*$0 - 300) + 63)//64:
              vector for $5 < 50:
                a2[150*$0 + 50*$4 + $5] = -inf
            %r0 = sum over $3 < 400 of
                a0[76800*$0 + 400*$1 + $3]
              * a1[$2 + 50*$3]
            for row $1 < -max(-192, 192*$0 - 300), column $2 < 50:
              a2[150*$0 + 50*($1//64) + $2] max= %r0
        }
        kernel(a0: f32[250], out a1: f32[50]) {
          parallel vector for $0 < 50:
            fold %r0 = max:
              for $1 < 5:
                %r0 <- a0[$0 + 50*$1]
            a1[$0] = %r0
        }
        """,
    ),
    "rows of two dims are reduced as one": (
        """
        (%x: f32[b, 100, 40], %y: f32[40, 50]) -> f32[50]
        %0: f32[40, 50] = identity(%y)
        %1: f32[b, 40, 50] = broadcast_to(%0, shape=[b, 40, 50])
        %2: f32[b, 100, 50] = matmul(%x, %1)
        %3: f32[50] = sum(%2, axes=[0, 1])
        return %3
        """,
        """
        kernel(a0: f32[4000*b], a1: f32[2000], out a2: f32[50*((100*b + 63)//64)]) {
          parallel for $0 < (100*b + 255)//256:
            for $4 < (-max(-256, 256*$0 - 100*b) + 63)//64:
              vector for $5 < 50:
                a2[200*$0 + 50*$4 + $5] = -0x0.0p+0
            %r0 = sum over $3 < 40 of
                a0[10240*$0 + 40*$1 + $3]
              * a1[$2 + 50*$3]
            for row $1 < -max(-256, 256*$0 - 100*b), column $2 < 50:
              a2[200*$0 + 50*($1//64) + $2] sum= %r0
        }
        kernel(a0: f32[50*((100*b + 63)//64)], out a1: f32[50]) {
          parallel vector for $0 < 50:
            fold %r0 = sum:
              for $1 < (100*b + 63)//64:
                %r0 <- a0[$0 + 50*$1]
            a1[$0] = %r0
        }
        """,
    ),
    "stacks are not rows": (
        """
        (%x: f32[b, 100, 40], %y: f32[b, 40, 50]) -> f32[100, 50]
        %0: f32[b, 100, 50] = matmul(%x, %y)
        %1: f32[100, 50] = sum(%0, axes=[0])
        return %1
        """,
        """
        kernel(a0: f32[4000*b], a1: f32[2000*b], out a2: f32[5000*b]) {
          parallel for $0 < b:
            %r0 = sum over $3 < 40 of
                a0[4000*$0 + 40*$1 + $3]
              * a1[2000*$0 + $2 + 50*$3]
            for row $1 < 100, column $2 < 50:
              a2[5000*$0 + 50*$1 + $2] = %r0
        }
        kernel(a0: f32[5000*b], out a1: f32[5000*((b + 63)//64)]) {
          parallel for $0 < (b + 63)//64:
            for $8 < 100:
              vector for $9 < 50:
                a1[5000*$0 + 50*$8 + $9] = -0x0.0p+0
            for $4 < (-max(-64, 64*$0 - b))//4:
              for $2 < 100:
                vector for $3 < 50:
                  a1[5000*$0 + 50*$2 + $3] = add(add(add(add(a1[5000*$0 + 50*$2 + $3], a0[320000*$0 + 50*$2 + $3 + 20000*$4]), a0[320000*$0 + 50*$2 + $3 + 20000*$4 + 5000]), a0[320000*$0 + 50*$2 + $3 + 20000*$4 + 10000]), a0[320000*$0 + 50*$2 + $3 + 20000*$4 + 15000])
            for $5 < -4*((-max(-64, 64*$0 - b))//4) - max(-64, 64*$0 - b):
              for $6 < 100:
                vector for $7 < 50:
                  a1[5000*$0 + 50*$6 + $7] sum= a0[320000*$0 + 5000*$5 + 50*$6 + $7 + 20000*((-max(-64, 64*$0 - b))//4)]
        }
        kernel(a0: f32[5000*((b + 63)//64)], out a1: f32[5000]) {
          parallel vector for $1 < 5000:
            fold %r0 = sum:
              for $2 < (b + 63)//64:
                %r0 <- a0[$1 + 5000*$2]
            a1[$1] = %r0
        }
        """,  # noqa: E501
    ),
    "sums along rows of a product's result, which wait in scratch": (
        """
        (%x: f32[n, 64], %y: f32[64, 100]) -> f32[n]
        %0: f32[n, 100] = matmul(%x, %y)
        %1: f32[n, 100] = mul(%0, %0)
        %2: f32[n] = sum(%1, axes=[1])
        return %2
        """,
        """
        kernel(a0: f32[64*n], a1: f32[6400], out a2: f32[n]) scratch s0: f32[25600] {
          parallel for $0 < (n + 255)//256:
            %r0 = sum over $3 < 64 of
                a0[16384*$0 + 64*$1 + $3]
              * a1[$2 + 100*$3]
            for row $1 < -max(-256, 256*$0 - n), column $2 < 100:
              s0[100*$1 + $2] = %r0
            for $4 < -max(-256, 256*$0 - n):
              fold %r1 = lanes sum:
                vector for $5 < 100:
                  %r1 <- mul(s0[100*$4 + $5], s0[100*$4 + $5])
              a2[256*$0 + $4] = %r1
        }
        """,
    ),
    "a later value goes over the results, and is summed over the rows": (
        """
        (%x: f32[1000, 64], %y: f32[64, 256]) -> (f32[1000, 256], f32[256])
        %0: f32[1000, 256] = matmul(%x, %y)
        %1: f32[1000, 256] = exp(%0)
        %2: f32[1000] = sum(%1, axes=[1])
        %3: f32[1000, 1] = reshape(%2, shape=[1000, 1])
        %4: f32[1000, 256] = broadcast_to(%3, shape=[1000, 256])
        %5: f32[1000, 256] = div(%1, %4)
        %6: f32[256] = sum(%5, axes=[0])
        return %5, %6
        """,
        """
        kernel(a0: f32[64000], a1: f32[16384], out a2: f32[256000], out a3: f32[4096]) scratch s0: f32[256] {
          parallel for $0 < 2:
            %r0 = sum over $3 < 64 of
                a0[32768*$0 + 64*$1 + $3]
              * a1[$2 + 256*$3]
            for row $1 < -max(-512, 512*$0 - 1000), column $2 < 256:
              a2[131072*$0 + 256*$1 + $2] = %r0
            for $4 < (-max(-512, 512*$0 - 1000) + 63)//64:
              vector for $8 < 256:
                a3[2048*$0 + 256*$4 + $8] = -0x0.0p+0
              for $5 < -max(-64, 64*$4 + max(-512, 512*$0 - 1000)):
                fold %r1 = lanes sum:
                  vector for $6 < 256:
                    t0 = exp(a2[131072*$0 + 16384*$4 + 256*$5 + $6])
                    %r1 <- t0
                    s0[$6] = t0
                vector for $7 < 256:
                  t1 = div(s0[$7], %r1)
                  a3[2048*$0 + 256*$4 + $7] sum= t1
                  a2[131072*$0 + 16384*$4 + 256*$5 + $7] = t1
        }
        kernel(a0: f32[4096], out a1: f32[256]) {
          parallel vector for $0 < 256:
            fold %r0 = sum:
              for $1 < 16:
                %r0 <- a0[$0 + 256*$1]
            a1[$0] = %r0
        }
        """,  # noqa: E501
    ),
    "rows beside a stack of products, stored and read again": (
        """
        (%x: f32[n, 50, 32], %y: f32[50, 32, 32]) -> (f32[n, 50, 32], f32[n, 50])
        %0: f32[n, 50, 32] = contract(%x, %y, subscripts="nkj,kij->nki")
        %1: f32[n, 50] = max(%0, axes=[2])
        return %0, %1
        """,
        """
        kernel(a0: f32[1600*n], a1: f32[51200], out a2: f32[1600*n], out a3: f32[50*n]) {
          parallel for $0 < 50*((n + 79)//80):
            %r0 = sum over $3 < 32 of
                a0[32*($0%50) + 128000*($0//50) + 1600*$1 + $3]
              * a1[1024*($0%50) + 32*$2 + $3]
            for row $1 < -max(-80, 80*($0//50) - n), column $2 < 32:
              a2[32*($0%50) + 128000*($0//50) + 1600*$1 + $2] = %r0
            for $4 < -max(-80, 80*($0//50) - n):
              fold %r1 = lanes max:
                vector for $5 < 32:
                  %r1 <- a2[32*($0%50) + 128000*($0//50) + 1600*$4 + $5]
              a3[$0%50 + 4000*($0//50) + 50*$4] = %r1
        }
        """,
    ),
}

"""Small programs, and which ops are computed in which kernel."""

from __future__ import annotations

SOFTMAX = """(%x: f32[n, 10]) -> f32[n, 10]
        %0: f32[n] = max(%x, axes=[1])
        %1: f32[n, 1] = reshape(%0, shape=[n, 1])
        %2: f32[n, 10] = broadcast_to(%1, shape=[n, 10])
        %3: f32[n, 10] = sub(%x, %2)
        %4: f32[n, 10] = exp(%3)
        %5: f32[n] = sum(%4, axes=[1])
        %6: f32[n, 1] = reshape(%5, shape=[n, 1])
        %7: f32[n, 10] = broadcast_to(%6, shape=[n, 10])
        %8: f32[n, 10] = div(%4, %7)
        return %8"""

# a program without its braces, and for each kernel the ops computed in it
PROGRAMS = {
    "an elementwise chain": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = add(%0, %x)
        %2: f32[n, 8] = tanh(%1)
        return %2""",
        [["tanh"]],
    ),
    "views on the way": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, n] = flip(%0, axes=[0])
        %2: f32[8, n] = neg(%1)
        %3: f32[n, 8] = permute_dims(%2, axes=[1, 0])
        return %3""",
        [["permute_dims"]],
    ),
    "matmul, bias and relu": (
        """(%x: f32[n, 64], %w: f32[64, 10], %b: f32[10]) -> f32[n, 10]
        %0: f32[n, 10] = matmul(%x, %w)
        %1: f32[n, 10] = broadcast_to(%b, shape=[n, 10])
        %2: f32[n, 10] = add(%0, %1)
        %3: f32[] = constant(value=0.0)
        %4: f32[n, 10] = broadcast_to(%3, shape=[n, 10])
        %5: f32[n, 10] = maximum(%2, %4)
        return %5""",
        [["matmul", "maximum"]],
    ),
    "a sum of squares": (
        """(%x: f32[n, 8]) -> f32[n]
        %0: f32[n, 8] = mul(%x, %x)
        %1: f32[n] = sum(%0, axes=[1])
        return %1""",
        [["sum"]],
    ),
    "what follows a sum in its shape": (
        """(%x: f32[n, 8]) -> f32[n]
        %0: f32[n] = sum(%x, axes=[1])
        %1: f32[n] = exp(%0)
        %2: f32[n] = sqrt(%1)
        return %2""",
        [["sum", "sqrt"]],
    ),
    "two results of one shape": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = sin(%x)
        return %0, %1""",
        [["exp", "sin"]],
    ),
    "a result that the other reads at the same place": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = sin(%0)
        return %0, %1""",
        [["exp", "sin"]],
    ),
    "a result that the other reads elsewhere": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = flip(%0, axes=[1])
        return %0, %1""",
        [["exp", "flip"]],
    ),
    "a result that the other reads in another row": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = flip(%0, axes=[0])
        return %0, %1""",
        [["exp"], ["flip"]],
    ),
    "softmax over rows": (SOFTMAX, [["max", "exp", "sum", "div"]]),
    "a row's sum and maximum and the sum of columns": (
        """(%x: f32[n, 8]) -> (f32[n], f32[8], f32[n])
        %0: f32[n] = sum(%x, axes=[1])
        %1: f32[8] = sum(%x, axes=[0])
        %2: f32[n] = max(%x, axes=[1])
        return %0, %1, %2""",
        [["sum", "block_reduce", "max"], ["sum"]],
    ),
    "two sums of columns of known height": (
        """(%x: f32[130, 8]) -> (f32[8], f32[8])
        %0: f32[8] = sum(%x, axes=[0])
        %1: f32[130, 8] = exp(%x)
        %2: f32[8] = sum(%1, axes=[0])
        return %0, %2""",
        [["block_reduce", "block_reduce"], ["sum", "sum"]],
    ),
    "two sums of columns of few rows": (
        """(%x: f32[64, 8]) -> (f32[8], f32[8])
        %0: f32[8] = sum(%x, axes=[0])
        %1: f32[8] = prod(%x, axes=[0])
        return %0, %1""",
        [["sum", "prod"]],
    ),
    "what reads two that need nothing of each other": (
        """(%x: f32[9, 10], %i: i32[9]) -> f32[9, 10]
        %0: i64[9] = checked_index(%i, axis=1, extent=[10])
        %1: f32[9] = max(%x, axes=[1])
        %2: i64[9, 1] = reshape(%0, shape=[9, 1])
        %3: i64[9, 10] = broadcast_to(%2, shape=[9, 10])
        %4: i64[9, 10] = iota(shape=[9, 10], axis=1, dtype=i64)
        %5: bool[9, 10] = eq(%3, %4)
        %6: f32[9, 1] = reshape(%1, shape=[9, 1])
        %7: f32[9, 10] = broadcast_to(%6, shape=[9, 10])
        %8: f32[9, 10] = where(%5, %7, %x)
        return %8""",
        [["checked_index", "max", "where"]],
    ),
    "a row's value with a number that is computed first": (
        """(%x: f32[9, 10], %y: f32[3]) -> f32[9, 10]
        %0: f32[] = sum(%y, axes=[0])
        %1: f32[9] = max(%x, axes=[1])
        %2: f32[9, 1] = reshape(%1, shape=[9, 1])
        %3: f32[9, 10] = broadcast_to(%2, shape=[9, 10])
        %4: f32[9, 10] = sub(%x, %3)
        %5: f32[9, 10] = broadcast_to(%0, shape=[9, 10])
        %6: f32[9, 10] = add(%4, %5)
        return %6""",
        [["sum"], ["max", "add"]],
    ),
    "a row's value, read before the number is known": (
        """(%x: f32[9, 10], %y: f32[3]) -> (f32[9], f32[9, 10])
        %0: f32[] = sum(%y, axes=[0])
        %1: f32[9] = max(%x, axes=[1])
        %2: f32[9] = cumsum(%1, axis=0)
        %3: f32[9, 1] = reshape(%1, shape=[9, 1])
        %4: f32[9, 10] = broadcast_to(%3, shape=[9, 10])
        %5: f32[9, 10] = sub(%x, %4)
        %6: f32[9, 10] = broadcast_to(%0, shape=[9, 10])
        %7: f32[9, 10] = add(%5, %6)
        return %2, %7""",
        [["max"], ["sum"], ["cumsum"], ["add"]],
    ),
    "a step with a number that is computed first": (
        """(%m: f32[9], %g: f32[9], %w: f32[9], %r: f32[]) -> (f32[], f32[9], f32[9])
        %0: f32[] = exp(%r)
        %1: f32[9] = add(%m, %g)
        %2: f32[9] = broadcast_to(%0, shape=[9])
        %3: f32[9] = mul(%2, %1)
        %4: f32[9] = sub(%w, %3)
        return %0, %1, %4""",
        [["exp"], ["add", "fma"]],
    ),
    "a sum along rows of sums down the middle": (
        """(%x: f32[5, n, 8]) -> (f32[5, 8], f32[5, 8])
        %0: f32[5, 8] = sum(%x, axes=[1])
        %1: f32[5, 8, 1] = reshape(%0, shape=[5, 8, 1])
        %2: f32[5, 8, 9] = broadcast_to(%1, shape=[5, 8, 9])
        %3: f32[5, 8] = sum(%2, axes=[2])
        return %0, %3""",
        [["sum"], ["sum"]],
    ),
    "a minimum of all of products down the middle": (
        """(%x: f32[2, n, n]) -> f32[]
        %0: f32[2, n] = prod(%x, axes=[1])
        %1: f32[2, n, 1] = reshape(%0, shape=[2, n, 1])
        %2: f32[2, n, 2] = broadcast_to(%1, shape=[2, n, 2])
        %3: f32[] = min(%2, axes=[0, 1, 2])
        return %3""",
        [["prod"], ["min", "block_reduce"], ["min"]],
    ),
    "a computed position in an axis of one reduced element": (
        """(%x: f32[17, 1], %i: i64[1]) -> f32[1]
        %0: f32[1] = sum(%x, axes=[0])
        %1: f32[1] = gather(%0, %i, axes=[0], position=0)
        return %1""",
        [["sum"], ["gather"]],
    ),
    "a sum of all of a matrix": (
        """(%x: f32[n, 8]) -> f32[]
        %0: f32[] = sum(%x, axes=[0, 1])
        return %0""",
        [["sum", "block_reduce"], ["sum"]],
    ),
    "a long vector in one pass": (
        """(%x: f32[n], %w: f32[n]) -> (f32[], f32[], f32[n])
        %0: f32[n] = mul(%x, %w)
        %1: f32[] = sum(%0, axes=[0])
        %2: f32[] = max(%x, axes=[0])
        %3: f32[n] = exp(%0)
        return %1, %2, %3""",
        [["chunk_reduce", "chunk_reduce", "exp"], ["sum", "max"]],
    ),
    "what needs the whole of a vector first": (
        """(%x: f32[n]) -> f32[n]
        %0: f32[] = max(%x, axes=[0])
        %1: f32[n] = broadcast_to(%0, shape=[n])
        %2: f32[n] = sub(%x, %1)
        return %2""",
        [["chunk_reduce"], ["max"], ["sub"]],
    ),
    "what needs the whole of a small matrix first": (
        """(%x: f32[9, 7]) -> f32[9, 7]
        %0: f32[] = max(%x, axes=[0, 1])
        %1: f32[9, 7] = broadcast_to(%0, shape=[9, 7])
        %2: f32[9, 7] = sub(%x, %1)
        return %2""",
        [["max"], ["max", "sub"]],
    ),
    "columns of one element": (
        """(%x: f32[n, 1]) -> (f32[], f32[1])
        %0: f32[] = max(%x, axes=[0, 1])
        %1: f32[1] = sum(%x, axes=[0])
        return %0, %1""",
        [["max", "block_reduce", "block_reduce"], ["max"], ["sum"]],
    ),
    "rows of rows": (
        """(%x: f32[n, 4, 6]) -> (f32[n, 4], f32[n])
        %0: f32[n, 4] = sum(%x, axes=[2])
        %1: f32[n] = max(%0, axes=[1])
        return %0, %1""",
        [["sum", "max"]],
    ),
    "too few rows to cut by": (
        """(%x: f32[7, 4, 6]) -> (f32[7, 4], f32[7])
        %0: f32[7, 4] = sum(%x, axes=[2])
        %1: f32[7] = max(%0, axes=[1])
        return %0, %1""",
        [["sum"], ["max"]],
    ),
    "rows too long to keep": (
        """(%x: f32[n, 40000]) -> f32[n, 40000]
        %0: f32[n] = max(%x, axes=[1])
        %1: f32[n, 1] = reshape(%0, shape=[n, 1])
        %2: f32[n, 40000] = broadcast_to(%1, shape=[n, 40000])
        %3: f32[n, 40000] = sub(%x, %2)
        return %3""",
        [["max"], ["sub"]],
    ),
    "a product of what is computed": (
        """(%x: f32[n, 8], %w: f32[8, 3]) -> f32[n, 3]
        %0: f32[n, 8] = tanh(%x)
        %1: f32[n, 3] = matmul(%0, %w)
        return %1""",
        [["tanh"], ["matmul"]],
    ),
    "a product with a transposed left side": (
        """(%x: f32[n, 8], %g: f32[n, 3]) -> f32[8, 3]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, 3] = matmul(%0, %g)
        return %1""",
        [["matmul"]],
    ),
    "a product with a transposed right side": (
        """(%x: f32[n, 8], %w: f32[3, 8]) -> f32[n, 3]
        %0: f32[8, 3] = permute_dims(%w, axes=[1, 0])
        %1: f32[n, 3] = matmul(%x, %0)
        return %1""",
        [["matmul"]],
    ),
    "a scan and a sort": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = cumsum(%0, axis=0)
        %2: f32[n, 8] = sort(%1, axis=1)
        return %2""",
        [["cumsum"], ["sort"]],
    ),
    "a feed as it is": (
        """(%x: f32[n]) -> (f32[n], f32[n])
        return %x, %x""",
        [["identity", "identity"]],
    ),
}  # fmt: skip

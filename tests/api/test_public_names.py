"""What `import graphc` offers, and how soon."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import reduce
from types import ModuleType

import pytest

import graphc as gc
from graphc.api import other_names


def _words(text: str) -> list[str]:
    return text.split()


CONTRACT = _words("""
Graph placeholder variable constant zeros ones full arange eye assign group gradients
stop_gradient jvp jacobian hessian hvp vmap check_gradients custom_gradient checkpoint py_call
Session while_loop scan cond split rsqrt sigmoid erf einsum einsum_path matvec one_hot scatter_add
pad sum matmul permute_dims concat take where astype float32 float64 int8 int16 int32 int64
uint8 bool
""")

ARRAY_API = _words("""
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert
bitwise_or bitwise_right_shift bitwise_xor ceil clip cos cosh divide equal exp expm1 floor
floor_divide greater greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10
logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative
not_equal positive pow reciprocal remainder round sign sin sinh square sqrt subtract tan tanh trunc
arange asarray eye full full_like linspace ones ones_like tril triu zeros zeros_like
astype matmul matrix_transpose tensordot vecdot broadcast_arrays broadcast_to concat expand_dims
flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack argmax argmin
count_nonzero where argsort sort cumulative_prod cumulative_sum max mean min prod std sum var all
any take take_along_axis copysign signbit diff meshgrid e inf nan newaxis pi
""")

NN = _words("""
relu gelu sigmoid silu softmax log_softmax logsumexp layer_norm softmax_cross_entropy
conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d global_max_pool global_avg_pool
resize adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool2d adaptive_max_pool3d argmax_pool1d argmax_pool2d argmax_pool3d max_unpool
take_pooled unfold celu glu hardshrink hardsigmoid hardswish hardtanh log_sigmoid mish prelu relu6
selu softshrink softsign tanhshrink threshold scaled_dot_product_attention batch_norm group_norm
instance_norm local_response_norm normalize rms_norm cdist cosine_similarity pairwise_distance
binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy
gaussian_nll_loss hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss mse
multi_margin_loss multilabel_soft_margin_loss nll_loss poisson_nll_loss smooth_l1_loss
soft_margin_loss triplet_margin_loss
""")

SPECIAL = _words("""
digamma entr erf erfc erfcx erfinv i0 i0e i1 i1e lgamma log_ndtr logit multigammaln ndtr ndtri
polygamma sinc xlog1py xlogy
""")


LINALG = _words("""
block_diag cholesky cholesky_solve cond cross det diag diagonal eigh eigvalsh inv kron lstsq lu
lu_factor lu_solve matmul matrix_norm matrix_power matrix_rank matrix_transpose matvec multi_dot
norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace triangular_solve
tril tril_indices triu triu_indices vander vecdot vector_norm
""")


@pytest.mark.parametrize("name", [*CONTRACT, *ARRAY_API])
def test_promised_names_are_there(name: str) -> None:
    assert name in gc.__all__
    assert hasattr(gc, name)


@pytest.mark.parametrize("name", NN)
def test_layers_are_there(name: str) -> None:
    assert name in gc.nn.__all__
    assert callable(getattr(gc.nn, name))


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_are_there(name: str) -> None:
    assert name in gc.special.__all__
    assert callable(getattr(gc.special, name))


@pytest.mark.parametrize("name", LINALG)
def test_linear_algebra_is_there(name: str) -> None:
    assert name in gc.linalg.__all__
    assert callable(getattr(gc.linalg, name))


def test_everything_public_is_listed_and_documented() -> None:
    for name in gc.__all__:
        value = getattr(gc, name)
        if callable(value):
            assert value.__doc__, name
    listed = set(gc.__all__) | {"annotations", "Any", "TYPE_CHECKING"}
    rest = {
        name
        for name, value in vars(gc).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert rest <= listed


def test_names_of_data_dependent_shapes_say_why_they_are_missing() -> None:
    with pytest.raises(AttributeError, match="'nonzero': its shape would depend on the data"):
        _ = gc.nonzero
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'$"):
        _ = gc.no_such_name


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        (gc, "cat", "use gc.concat"),
        (gc, "relu", "use gc.nn.relu"),
        (gc, "random", "a graph draws no random numbers"),
        (gc.nn, "one_hot", "use gc.one_hot"),
        (gc.nn, "Linear", "layers are functions of tensors"),
        (gc.linalg, "solve_triangular", "use gc.linalg.triangular_solve"),
        (gc.optim, "AdamW", "gc.optim.Adam decays no weights"),
    ],
)
def test_names_of_other_libraries_say_what_is_here(
    module: ModuleType, name: str, instead: str
) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': {instead}"):
        getattr(module, name)
    assert not hasattr(module, "__wrapped__")


def test_what_stands_for_other_names_exists() -> None:
    for text in other_names._INSTEAD.values():
        for path in re.findall(r"gc((?:\.[a-z_0-9A-Z]+)+)", text):
            reduce(getattr, path[1:].split("."), gc)


def test_building_graphs_needs_neither_compiler_nor_networkx() -> None:
    program = (
        "import sys, graphc as gc\n"
        "with gc.Graph(): gc.gradients(gc.nn.mse(gc.variable(1.0), 2.0), [])\n"
        "print(*sorted({'llvmlite', 'networkx', 'graphc.runtime.session'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == ""

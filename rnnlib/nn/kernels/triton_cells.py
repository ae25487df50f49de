r"""One step of each cell and its backward in Triton, on tiles in registers.

The functions are those of :mod:`rnnlib.nn.kernels.steps`, where the equations stand, under the
same labels. A tile has ``(BB, BH)`` numbers of one gate, rows for sequences and columns for units;
columns past H are zero in what is read and are not taken. ``own`` points to the cell's own vectors.
The function ``σ`` in the form of ``tanh``, and ``tanh`` by an exponential of what is negative,
never overflow::

    σ(a) = (1 + tanh(a / 2)) / 2                                     (tile-sigmoid)
    tanh(a) = sign(a) (1 - e) / (1 + e),  e = exp(-2 |a|)            (tile-tanh)

Of Triton's values none is a tensor of torch; what is called ``tl.tensor`` is a tile or a pointer.
"""

from rnnlib.nn.kernels.language import jit, tl

EPS = tl.constexpr(1e-5)  # that of rnnlib.nn.layer_norm


@jit
def tanh(a: tl.tensor) -> tl.tensor:
    """The hyperbolic tangent."""
    e = tl.exp(-2 * tl.abs(a))
    size = (1 - e) / (1 + e)  # (tile-tanh)
    return tl.where(a < 0, -size, size)


@jit
def sigmoid(a: tl.tensor) -> tl.tensor:
    """The logistic function."""
    return 0.5 + 0.5 * tanh(0.5 * a)  # (tile-sigmoid)


@jit
def normal(x: tl.tensor, here: tl.tensor, n: tl.tensor) -> tl.tensor:
    """Rows of ``n`` units, normalised, and what they were multiplied by."""
    apart = tl.where(here, x - (tl.sum(x, 1) / n)[:, None], 0)
    rate = 1 / tl.sqrt(tl.sum(apart * apart, 1) / n + EPS)[:, None]
    return apart * rate, rate


@jit
def normal_back(
    dx_hat: tl.tensor, x_hat: tl.tensor, rate: tl.tensor, here: tl.tensor, n: tl.tensor
) -> tl.tensor:
    """The backward of :func:`normal`."""
    mean, along = tl.sum(dx_hat, 1) / n, tl.sum(dx_hat * x_hat, 1) / n
    dx = (dx_hat - mean[:, None] - x_hat * along[:, None]) * rate  # (dstep-norm)
    return tl.where(here, dx, 0)


@jit
def normal_gates(
    i: tl.tensor, f: tl.tensor, g: tl.tensor, o: tl.tensor, here: tl.tensor, n: tl.tensor
) -> tl.tensor:
    """Four gates normalised together, ``n`` numbers in a row of them."""
    mean = ((tl.sum(i, 1) + tl.sum(f, 1) + tl.sum(g, 1) + tl.sum(o, 1)) / n)[:, None]
    i, f = tl.where(here, i - mean, 0), tl.where(here, f - mean, 0)
    g, o = tl.where(here, g - mean, 0), tl.where(here, o - mean, 0)
    var = tl.sum(i * i, 1) + tl.sum(f * f, 1) + tl.sum(g * g, 1) + tl.sum(o * o, 1)
    rate = 1 / tl.sqrt(var / n + EPS)[:, None]
    return i * rate, f * rate, g * rate, o * rate, rate


@jit
def mean_of_gates(
    i: tl.tensor,
    f: tl.tensor,
    g: tl.tensor,
    o: tl.tensor,
    n_i: tl.tensor,
    n_f: tl.tensor,
    n_g: tl.tensor,
    n_o: tl.tensor,
    n: tl.tensor,
) -> tl.tensor:
    """Means over four gates: of their gradients, and of these times what was normalised."""
    mean = tl.sum(i, 1) + tl.sum(f, 1) + tl.sum(g, 1) + tl.sum(o, 1)
    along = tl.sum(i * n_i, 1) + tl.sum(f * n_f, 1) + tl.sum(g * n_g, 1) + tl.sum(o * n_o, 1)
    return (mean / n)[:, None], (along / n)[:, None]


@jit
def lstm(
    a_i: tl.tensor,
    a_f: tl.tensor,
    a_g: tl.tensor,
    a_o: tl.tensor,
    c: tl.tensor,
    own: tl.tensor,
    cols: tl.tensor,
    here: tl.tensor,
    H: tl.tensor,
    CELL: tl.constexpr,
) -> tl.tensor:
    """The gates, the memory after the step and ``h``."""
    if CELL == "lstm_peephole":
        a_i += vector(own, 0, cols, H) * c  # (step-peephole)
        a_f += vector(own, 1, cols, H) * c
    i, f, g = sigmoid(a_i), sigmoid(a_f), tanh(a_g)  # (step-gates)
    c = f * c + i * g  # (step-memory)
    if CELL == "lstm_peephole":
        a_o += vector(own, 2, cols, H) * c
    o, s = sigmoid(a_o), tanh(seen(c, own, cols, here, H, CELL))
    return i, f, g, o, c, o * s  # (step-output)


@jit
def seen(
    c: tl.tensor,
    own: tl.tensor,
    cols: tl.tensor,
    here: tl.tensor,
    H: tl.tensor,
    CELL: tl.constexpr,
) -> tl.tensor:
    """What the output sees of the memory: all, or its normalised form."""
    if CELL == "lstm_layer_norm":
        c_hat, _ = normal(c, here, H)
        return vector(own, 4, cols, H) * c_hat + vector(own, 5, cols, H)  # (step-norm)
    else:
        return c


@jit
def gru(
    a_r: tl.tensor,
    a_z: tl.tensor,
    a_n: tl.tensor,
    u_n: tl.tensor,
    x: tl.tensor,
    own: tl.tensor,
    cols: tl.tensor,
    H: tl.tensor,
) -> tl.tensor:
    """The gates and ``h``; ``a_r`` and ``a_z`` hold what comes from the state too."""
    r, z = sigmoid(a_r), sigmoid(a_z)  # (step-gru-gates)
    n = tanh(a_n + r * (u_n + vector(own, 0, cols, H)))  # (step-gru-candidate)
    return r, z, n, (1 - z) * n + z * x  # (step-gru)


@jit
def lstm_back(
    i: tl.tensor,
    f: tl.tensor,
    g: tl.tensor,
    o: tl.tensor,
    c: tl.tensor,
    dh: tl.tensor,
    dc: tl.tensor,
    own: tl.tensor,
    cols: tl.tensor,
    here: tl.tensor,
    H: tl.tensor,
    CELL: tl.constexpr,
) -> tl.tensor:
    """Gradients of the preactivations and of the memory before, and that of what is normalised."""
    after = f * c + i * g
    s = tanh(seen(after, own, cols, here, H, CELL))
    dnorm = dh * o * (1 - s * s)  # (dstep-output)
    da_o = dh * s * o * (1 - o)  # (dstep-open)
    if CELL == "lstm_layer_norm":
        c_hat, rate = normal(after, here, H)
        dc += normal_back(vector(own, 4, cols, H) * dnorm, c_hat, rate, here, H)
    else:
        dc += dnorm
    if CELL == "lstm_peephole":
        dc += vector(own, 2, cols, H) * da_o
    da_i, da_f = dc * g * i * (1 - i), dc * c * f * (1 - f)  # (dstep-gates)
    da_g, dc = dc * i * (1 - g * g), f * dc  # (dstep-memory)
    if CELL == "lstm_peephole":
        dc += vector(own, 0, cols, H) * da_i + vector(own, 1, cols, H) * da_f  # (dstep-peephole)
    return da_i, da_f, da_g, da_o, dc, dnorm


@jit
def gru_back(
    r: tl.tensor,
    z: tl.tensor,
    n: tl.tensor,
    u_n: tl.tensor,
    x: tl.tensor,
    dh: tl.tensor,
    own: tl.tensor,
    cols: tl.tensor,
    H: tl.tensor,
) -> tl.tensor:
    """Gradients of the preactivations, of ``u_n`` and of ``x``."""
    da_n = dh * (1 - z) * (1 - n * n)  # (dstep-gru-candidate)
    da_z = dh * (x - n) * z * (1 - z)  # (dstep-gru-update)
    da_r = da_n * (u_n + vector(own, 0, cols, H)) * r * (1 - r)  # (dstep-gru-reset)
    return da_r, da_z, da_n, r * da_n, z * dh  # (dstep-gru)


@jit
def vector(own: tl.tensor, k: tl.constexpr, cols: tl.tensor, H: tl.tensor) -> tl.tensor:
    """Vector ``k`` of the cell's own, as a row of one tile."""
    return tl.load(own + k * H + cols, cols < H, 0)[None, :]

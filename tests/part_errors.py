"""Gradient errors of parts, losses and penalties, each for a module or a mutant of it."""

import numpy as np
from helpers import example, random_mask, unrolled_error

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.reference import attention, batch_norm, bptt, elman


def embedding_error(embedding, shape, V, D, seed):
    """Relative error of the gradient of <u, xs> with respect to the vectors."""
    rng = np.random.default_rng(seed)
    params = random_like(rng, embedding.init(rng, V, D))
    symbols, u = rng.integers(V, size=shape), rng.normal(size=(*shape, D))
    return gradient_error(
        lambda params: (u * embedding.forward(params, symbols)).sum(),
        (params,),
        (embedding.backward(params, symbols, u),),
        rng,
    )


def attention_values(attention, N, T, B, D, H, V):
    """A value of each class that the module states shapes for."""
    rng = np.random.default_rng(0)
    params = attention.init(rng, D, H, K=4)
    *args, mask = attention_example(rng, N, T, B, D, H, V)
    return [params, attention.additive(params, *args, mask)[1]]


def attention_example(rng, N, T, B, D, H, V):
    """Queries, keys and values, and a mask that hides about half and leaves something to each."""
    queries, keys, values = (rng.normal(size=s) for s in [(N, B, D), (T, B, H), (T, B, V)])
    mask = rng.random((N, B, T)) < 0.5
    np.put_along_axis(mask, rng.integers(T, size=(N, B, 1)), True, axis=-1)
    return queries, keys, values, mask


def dot_error(attention, N, T, B, D, V, seed):
    """Relative error of the gradient of <u, ys> by scaled dot products."""
    rng = np.random.default_rng(seed)
    *args, mask = attention_example(rng, N, T, B, D, D, V)
    ys, cache = attention.dot(*args, mask)
    u = rng.normal(size=ys.shape)
    grads = attention.dot_backward(cache, u)
    return gradient_error(
        lambda *a: (u * attention.dot(*a, mask)[0]).sum(), tuple(args), grads, rng
    )


def additive_error(attention, N, T, B, D, V, seed):
    """Relative error of the gradient of <u, ys> by additive attention, keys and hidden of D + 1."""
    rng = np.random.default_rng(seed)
    *args, mask = attention_example(rng, N, T, B, D, D + 1, V)
    params = random_like(rng, attention.init(rng, D, D + 1, K=D + 2))
    ys, cache = attention.additive(params, *args, mask)
    u = rng.normal(size=ys.shape)
    grads = attention.additive_backward(params, cache, u)
    return gradient_error(
        lambda *a: (u * attention.additive(*a, mask)[0]).sum(), (params, *args), grads, rng
    )


def batch_norm_values(batch_norm, T, B, D, N):
    """A value of each class that the module states shapes for."""
    rng = np.random.default_rng(0)
    running = batch_norm.no_training(D, N)
    params, xs = batch_norm.init(D), rng.normal(size=(T, B, D))
    _, cache, after = batch_norm.train(params, xs, running)
    return [params, running, after, cache, batch_norm.backward(params, cache, xs)[0]]


def batch_norm_example(batch_norm, T, B, D, N, seed):
    """Generator, parameters, inputs, running statistics, and a mask with two or more a step."""
    rng = np.random.default_rng(seed)
    params = random_like(rng, batch_norm.init(D))
    running = batch_norm.Running(rng.normal(size=(N, D)), rng.uniform(0.5, 2, size=(N, D)))
    mask = rng.permuted(np.arange(B) < 2, axis=0) | (rng.random((T, B)) < 0.5)
    return rng, params, 1.5 * rng.normal(size=(T, B, D)) + 0.5, running, mask


def batch_norm_error(batch_norm, T, B, D, seed, axes=(1,), training=True):
    """Relative error of the gradient of <u, ys> with respect to parameters and inputs."""
    N = 1 if len(axes) == 2 else T
    rng, params, xs, running, mask = batch_norm_example(batch_norm, T, B, D, N, seed)

    def forward(params, xs):
        if training:
            return batch_norm.train(params, xs, running, mask, axes)[:2]
        return batch_norm.evaluate(params, xs, running, mask)

    ys, cache = forward(params, xs)
    u = rng.normal(size=ys.shape)
    grads = batch_norm.backward(params, cache, u)
    return gradient_error(
        lambda params, xs: (u * forward(params, xs)[0]).sum(), (params, xs), grads, rng
    )


def ctc_example(T, B, N, V, seed, blank=0, repeats=True):
    """Logits, targets and lengths that have an alignment; what lies beyond them is anything."""
    rng = np.random.default_rng(seed)
    labels = [k for k in range(V) if k != blank]
    targets = rng.choice(labels[: 2 if repeats else None], size=(B, N))
    target_lengths = rng.integers(0, N + 1, size=B)
    for b in range(B):  # drop labels until the longest input can hold them
        while needed_steps(targets[b, : target_lengths[b]]) > T:
            target_lengths[b] -= 1
    least = [needed_steps(t[:n]) for t, n in zip(targets, target_lengths, strict=True)]
    input_lengths = rng.integers(np.maximum(least, 1), T + 1)
    return 2 * rng.normal(size=(T, B, V)), targets, input_lengths, target_lengths, blank


def needed_steps(labels):
    """The fewest steps that can say these labels: a blank must part equal ones."""
    return len(labels) + sum(a == b for a, b in zip(labels[1:], labels[:-1], strict=True))


def ctc_error(ctc, T, B, N, V, seed, blank=0):
    """Relative error of the gradient of the loss with respect to the logits."""
    logits, *rest = ctc_example(T, B, N, V, seed, blank)
    _, grad = ctc.loss(logits, *rest)
    rng = np.random.default_rng(seed)
    return gradient_error(lambda z: ctc.loss(z, *rest)[0], (logits,), (grad,), rng)


def pinball_error(quantile, shape, tau, seed):
    """Relative error of the gradient of the quantile loss."""
    rng = np.random.default_rng(seed)
    predictions, targets = rng.normal(size=(2, *shape))
    _, grad = quantile.pinball(predictions, targets, tau)
    return gradient_error(
        lambda p: quantile.pinball(p, targets, tau)[0], (predictions,), (grad,), rng
    )


def dropout_error(dropout, cell, T, B, D, H, seed, rate=0.4):
    """Relative error of the gradient of a cell with one mask for all steps."""
    rng, params, xs, state = example(cell, T, B, D, H, seed)
    masks = (dropout.each_sequence(rng, rate, B, n) for n in (D, H))
    return unrolled_error(dropout.Dropout(cell, *masks), params, xs, state, rng)


def applied_error(dropout, T, B, D, seed, rate=0.4):
    """Relative error of the gradient of masked inputs, with a mask for every step."""
    rng = np.random.default_rng(seed)
    xs, u = rng.normal(size=(2, T, B, D))
    m = dropout.each_step(rng, rate, T, B, D)
    return gradient_error(
        lambda xs: (u * dropout.apply(xs, m)).sum(), (xs,), (dropout.apply(u, m),), rng
    )


def zoneout_error(zoneout, cell, T, B, D, H, seed, drawn=False):
    """Relative error of the gradient of a cell with zoneout, with respect to k too."""
    rng, params, xs, state = example(cell, T, B, D, H, seed)
    rates = tuple(rng.uniform(0.1, 0.9, size=len(state)))
    keep = zoneout.draw(rng, state, rates, T)
    keep = keep if drawn else rng.normal(size=keep.shape)
    wrapped = zoneout.Zoneout(cell)
    return unrolled_error(wrapped, zoneout.Params(params), zoneout.inputs(xs, keep), state, rng)


def weight_drop_error(weight_drop, cell, T, B, D, H, seed, rate=0.4):
    """Relative error of the gradient with respect to the weights before some are dropped."""
    rng, params, xs, state = example(cell, T, B, D, H, seed)
    m = weight_drop.draw(rng, params, rate)

    def run(params):
        return bptt.forward(cell, weight_drop.forward(params, m), xs, state)

    hs, last, caches = run(params)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    ran = weight_drop.forward(params, m)
    dparams = weight_drop.backward(bptt.backward(cell, ran, caches, u, w)[0], m)
    return gradient_error(
        lambda params: (u * run(params)[0]).sum() + dot(w, run(params)[1]),
        (params,),
        (dparams,),
        rng,
    )


def penalty_error(penalty, rng, value, rate=0.7):
    """Relative error of the gradient of a penalty."""
    return gradient_error(lambda v: penalty(v, rate)[0], (value,), (penalty(value, rate)[1],), rng)


def penalties_error(penalties, seed):
    """The largest relative error of all penalties, those on states with a mask."""
    rng = np.random.default_rng(seed)
    params, hs = random_like(rng, elman.init(rng, 3, 4)), rng.normal(size=(6, 5, 4))
    mask = random_mask(rng, (6, 5))
    on_params = [
        penalties.l1,
        penalties.l2,
        lambda params, rate: penalties.recurrent(penalties.orthogonality, params, rate),
    ]
    on_states = [
        lambda hs, rate, penalty=penalty: penalty(hs, rate, mask)
        for penalty in (penalties.activation, penalties.temporal)
    ]
    return max(
        *(penalty_error(penalty, rng, params) for penalty in on_params),
        *(penalty_error(penalty, rng, hs) for penalty in on_states),
    )


VALUES = {  # modules whose classes state shapes, and how to make a value of each
    attention: lambda sizes: attention_values(attention, **sizes),
    batch_norm: lambda sizes: batch_norm_values(
        batch_norm, **{letter: sizes[letter] for letter in "TBDN"}
    ),
}

"""Gradient errors of parts, losses and penalties, each for a module or a mutant of it."""

import numpy as np

from rnnlib.check import gradient_error, random_like


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

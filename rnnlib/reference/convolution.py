r"""Convolution of images, with zeros around them so that they keep their size.

An image has Y rows and X columns; a kernel has K of each, K odd, ``r = (K - 1)/2``. With ``x`` at
zero outside of the image::

    a[o,y,x] = Σ_{djk} W[o,d,j,k] x[d,y+j-r,x+k-r]                   (convolution)

and its transpose, given ``da = ∂L/∂a``, which is the convolution with the kernel turned by half
and its channels exchanged::

    dW[o,d,j,k] = Σ_{yx} da[o,y,x] x[d,y+j-r,x+k-r]                  (convolution-dweights)
    dx[d,y,x] = Σ_{ojk} W[o,d,K-1-j,K-1-k] da[o,y+j-r,x+k-r]         (convolution-dinputs)

In signal processing it is called a cross-correlation: the kernel is not turned on the way forward.
"""

import numpy as np

from rnnlib.reference.ops import Array


def windows(x: Array, K: int) -> Array:
    """What a kernel sees at every place: a view of the image with zeros around it.

    Parameters
    ----------
    x : Array
        Images, ``(B, D, Y, X)``.
    K : int
        Rows and columns of the kernel, odd.

    Returns
    -------
    Array
        The K × K places around each, ``(B, D, Y, X, K, K)``.
    """
    r = K // 2
    padded = np.pad(x, ((0, 0), (0, 0), (r, r), (r, r)))
    return np.lib.stride_tricks.sliding_window_view(padded, (K, K), axis=(2, 3))


def convolve(W: Array, x: Array) -> Array:
    """Slide kernels over images.

    Parameters
    ----------
    W : Array
        Kernels, ``(N, D, K, K)``, K odd.
    x : Array
        Images, ``(B, D, Y, X)``.

    Returns
    -------
    Array
        Images with one channel per kernel, ``(B, N, Y, X)``.
    """
    a: Array = np.einsum("odjk,bdyxjk->boyx", W, windows(x, W.shape[-1]))  # (convolution)
    return a


def convolve_backward(W: Array, x: Array, da: Array) -> tuple[Array, Array]:
    """Send the gradient of what :func:`convolve` gave back.

    Parameters
    ----------
    W, x : Array
        What :func:`convolve` took.
    da : Array
        Gradient with respect to what it gave, ``(B, N, Y, X)``.

    Returns
    -------
    Array
        Gradient with respect to the kernels, ``(N, D, K, K)``.
    Array
        Gradient with respect to the images, ``(B, D, Y, X)``.
    """
    dW = np.einsum("boyx,bdyxjk->odjk", da, windows(x, W.shape[-1]))  # (convolution-dweights)
    turned = W[:, :, ::-1, ::-1].swapaxes(0, 1)
    return dW, convolve(turned, da)  # (convolution-dinputs)

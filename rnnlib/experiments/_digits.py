"""Handwritten digits for the experiments: of people to learn from, and of others."""

from rnnlib import data

#: Every person filled in a form with the same digits in the same order; here one form begins.
FIRST_NEW = 1157


def split() -> tuple[data.Digits, data.Digits]:
    """Digits of the first nine forms, and of the last five."""
    images, labels = data.digits()
    known, new = slice(FIRST_NEW), slice(FIRST_NEW, None)
    return data.Digits(images[known], labels[known]), data.Digits(images[new], labels[new])

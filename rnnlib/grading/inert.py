r"""Text and Markdown of a student that do nothing when a page shows them.

What students print is text, and pages escape text. Their Markdown is another matter: nbconvert
passes its HTML on and allows any link. Here every `<` that could open a tag is followed by a space,
and so are schemes of links that run or read something, character references that could spell one,
and those commands of MathJax that make links or styles. Images become links: a page that loads a
picture tells its owner who reads it when.
"""

import re

from rnnlib.grading.assignment import text_of

TAG = re.compile(r"<(?=[A-Za-z/!?])")
SCHEME = re.compile(r"(?i)(script|data|file|blob|about)(?=\s*:)")
REFERENCE = re.compile(r"&(?=#|\w+;)")
COMMAND = re.compile(r"\\(?=(?:href|require|class|style|cssId|mmlToken|data|url|unicode)\b)")
IMAGE = re.compile(r"!(?=\[)")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
SURROGATE = re.compile(r"[\ud800-\udfff]")


def markdown(source: str) -> str:
    r"""Markdown in which nothing is active.

    Parameters
    ----------
    source : str
        Of a student.

    Returns
    -------
    str

    Examples
    --------
    >>> markdown("If $a<b$, then <b onclick='x'> and [a](JavaScript:alert(1)) and $\\href{u}{v}$")
    "If $a< b$, then < b onclick='x'> and [a](JavaScript :alert(1)) and $\\ href{u}{v}$"
    """
    source = plain(source)
    source = REFERENCE.sub("& ", source)
    source = SCHEME.sub(r"\1 ", source)
    source = COMMAND.sub(r"\\ ", source)
    source = IMAGE.sub("", source)
    return TAG.sub("< ", source)


def plain(source: object, most: int = 1_000_000) -> str:
    r"""Text without control characters, and no longer than is stated.

    Parameters
    ----------
    source : object
        Text, or a list of lines.
    most : int
        Number of characters.

    Returns
    -------
    str

    Examples
    --------
    >>> plain("a\x1b[31mred\x1b[0m\x00 b\tc\n", 9)
    'ared\ufffd b\tc…'
    """
    text = ESCAPE.sub("", text_of(source))
    text = SURROGATE.sub("\ufffd", CONTROL.sub("\ufffd", text.replace("\r\n", "\n")))
    return text if len(text) <= most else text[:most] + "…"


def one_line(source: object, most: int = 300) -> str:
    r"""Text as one line.

    Parameters
    ----------
    source : object
    most : int
        Number of characters.

    Returns
    -------
    str

    Examples
    --------
    >>> one_line("a\n  b")
    'a b'
    """
    return plain(" ".join(text_of(source).split()), most)

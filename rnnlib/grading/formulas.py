r"""Formulas as MathML, which browsers typeset without a script and without a network.

docutils does the work. It knows no `\tag`, which becomes text behind the formula, no sizes of
brackets, which MathML stretches itself, and of environments `aligned` but not `align`. A formula
that it cannot read is shown as it was written.
What it makes of a student's formula is taken apart and put together again from a list of elements,
so nothing but MathML comes out.
"""

import re
from html import escape, unescape
from xml.etree import ElementTree

from docutils.utils.math.latex2mathml import tex2mathml

LONGEST = 5000  # characters of a formula
NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
ELEMENTS = frozenset(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup "
    "mtable mtd mtext mtr munder munderover".split()
)
ATTRIBUTES = frozenset(
    "accent columnalign columnspacing display displaystyle fence form linethickness lspace "
    "mathvariant maxsize minsize movablelimits rowspacing rspace scriptlevel stretchy width".split()
)
TAG = re.compile(r"\\tag\{([^{}$]*)\}")
SIZE = re.compile(r"\\[bB]igg?[lrm]?(?![a-zA-Z])")
ALIGN = re.compile(r"\\(begin|end)\{(?:align|gather)\*?\}")
EQUATION = re.compile(r"\\(?:begin|end)\{equation\*?\}")
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)\w+;")  # that HTML has and XML has not
DOTS = re.compile(r"\\dots[bcimo]?(?![a-zA-Z])")


def mathml(tex: str, block: bool) -> str:
    r"""A formula as HTML.

    Parameters
    ----------
    tex : str
        Between the dollar signs.
    block : bool
        Does it have a line of its own?

    Returns
    -------
    str
        MathML, or the escaped source.

    Examples
    --------
    >>> mathml("x^2", block=False)
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    >>> mathml(r"\unknown{<b>}", block=False)
    '<code>\\unknown{&lt;b&gt;}</code>'
    """
    tags = "".join(f" ({escape(tag)})" for tag in TAG.findall(tex))
    plain = DOTS.sub(r"\\ldots ", SIZE.sub("", EQUATION.sub("", TAG.sub("", tex))))
    try:
        if len(tex) > LONGEST:
            raise ValueError
        made = tex2mathml(ALIGN.sub(r"\\\1{aligned}", plain), block)
        made = clean(ElementTree.fromstring(ENTITY.sub(lambda found: unescape(found[0]), made)))
    except Exception:  # of an unknown command, an open bracket, too deep a nesting
        return f"<code>{escape(tex)}</code>"
    return f"{made}{tags}"


def clean(element: ElementTree.Element) -> str:
    """An element as text, with nothing in it that is not MathML.

    Raises
    ------
    ValueError
        If it is, or holds, something else.
    """
    name = element.tag.removeprefix(NAMESPACE)
    if name not in ELEMENTS:
        raise ValueError(f"element: got {name}, expected one of MathML")
    attributes = [f' {k}="{escape(v)}"' for k, v in element.items() if k in ATTRIBUTES]
    inner = escape((element.text or "").strip()) + "".join(map(clean, element))
    return f"<{name}{''.join(attributes)}>{inner}</{name}>"

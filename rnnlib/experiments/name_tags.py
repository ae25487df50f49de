"""Does a tagger of letters gain by a conditional random field on top, or by the rules alone?

Prediction: letter by letter one line in two is no possible sequence. The rules mend that and give
most of what can be gained in whole names; the field adds a point or two of F1 and hardly any of
tags.

Measured: for the four ways, in this order, the share of tags that are right, precision, recall
and F1 of whole names (beginning, end and language right), and the share of lines that are no
possible sequence (``score``: seed, way, 5), and after how many steps (``chosen``: seed, way).

Two or three names of four languages are written together without spaces. Each letter is to be
tagged: B-xx where a name in language xx begins, I-xx inside it. A bidirectional LSTM gives the
score of each tag. Its tags are chosen letter by letter; by Viterbi with all tags equally good but
those forbidden that cannot follow (I-xx comes after B-xx or I-xx only); or it is trained and
decoded with a conditional random field; or the rules are added to that field when it decodes. Each
way takes the step, of every fiftieth, with the best F1 on lines of names for choosing.

A first version had 60 steps, and its test was looked at: F1 was below 0.3, rules and field could
not be told apart. Sizes and steps were set anew, after a trial of each tagger with another seed
that showed the lines for choosing alone.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnnlib import data
from rnnlib.experiments import name_languages, regularisers
from rnnlib.nn import crf
from rnnlib.nn.modules import CRF

SEEDS = 5
QUICK = {"sizes": (60, 40, 40), "lines": 5, "H": 4, "steps": 12, "every": 6, "B": 4}

LANGUAGES = ("es", "fi", "pl", "tr")
TAGS = tuple(f"{place}-{language}" for language in LANGUAGES for place in "BI")
Ids = NDArray[np.int64]


class Lines(NamedTuple):
    """Lines of letters and their tags."""

    letters: Tensor  # (T, B), 0 beyond a length
    tags: Tensor  # (T, B), -1 beyond a length
    lengths: Tensor  # (B,)


class Tagger(nn.Module):
    """Embedding, bidirectional LSTM, and a score of every tag at every letter."""

    def __init__(self, E: int, H: int, rate: float):
        super().__init__()
        self.embed = nn.Embedding(len(regularisers.letters()) + 1, E, padding_idx=0)
        self.lstm = nn.LSTM(E, H, bidirectional=True)
        self.drop = nn.Dropout(rate)
        self.readout = nn.Linear(2 * H, len(TAGS))

    def forward(self, letters: Tensor, lengths: Tensor) -> Tensor:
        """Scores ``(T, B, V)``."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.embed(letters)), lengths, enforce_sorted=False
        )
        hs, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])
        scores: Tensor = self.readout(self.drop(hs))
        return scores


def draw(
    rng: np.random.Generator, names: list[data.Name], B: int
) -> tuple[list[str], list[list[int]]]:
    """Lines of names without spaces, and the tag of each letter."""
    lines: list[str] = []
    tags: list[list[int]] = []
    for _ in range(B):
        some = [names[k] for k in rng.integers(len(names), size=rng.integers(2, 4))]
        lines.append("".join(n.text for n in some))
        tags.append([])
        for n in some:
            begin = 2 * LANGUAGES.index(n.language)
            tags[-1] += [begin] + [begin + 1] * (len(n.text) - 1)
    return lines, tags


def encode(lines: list[str], tags: list[list[int]]) -> Lines:
    """Letters and tags as numbers."""
    alphabet = regularisers.letters()
    T = max(map(len, lines))
    letters = [[alphabet.index(x) + 1 for x in line] + [0] * (T - len(line)) for line in lines]
    padded = [row + [-1] * (T - len(row)) for row in tags]
    return Lines(torch.tensor(letters).T, torch.tensor(padded).T, torch.tensor([*map(len, lines)]))


def rules() -> crf.Params:
    """A field that knows what cannot follow, and nothing else."""
    may = torch.full((len(TAGS), len(TAGS)), -torch.inf)
    may[:, 0::2] = 0.0
    inside = torch.arange(1, len(TAGS), 2)
    may[inside, inside] = may[inside - 1, inside] = 0.0
    first = torch.zeros(len(TAGS))
    first[1::2] = -torch.inf
    return crf.Params(may, first, torch.zeros(len(TAGS)))


def spans(tags: Ids) -> set[tuple[int, int, int]]:
    """Begin, end and language of the names in a line; an I that cannot follow begins one."""
    found, begin = set(), 0
    for t in range(1, len(tags) + 1):
        if t == len(tags) or tags[t] % 2 == 0 or tags[t] // 2 != tags[begin] // 2:
            found.add((begin, t, int(tags[begin]) // 2))
            begin = t
    return found


def possible(tags: Ids) -> bool:
    """Does every I come after a B or an I of its language?"""
    inside = np.flatnonzero(tags % 2 == 1)
    return bool((inside > 0).all() and (tags[inside - 1] // 2 == tags[inside] // 2).all())


def score(said: Tensor, right: Tensor, lengths: Tensor) -> list[float]:
    """The five shares, see the module."""
    hits = called = true = impossible = 0
    for b, n in enumerate(lengths.tolist()):
        mine, its = (a[:n, b].numpy() for a in (said, right))
        hits += len(spans(mine) & spans(its))
        called, true = called + len(spans(mine)), true + len(spans(its))
        impossible += not possible(mine)
    counts = right >= 0
    tags = float((said == right)[counts].float().mean())
    shares = [
        tags,
        hits / called,
        hits / true,
        2 * hits / (called + true),
        impossible / len(lengths),
    ]
    return [round(share, 4) for share in shares]


def teach(tagger: Tagger, field: CRF | None, batches: Iterator[Lines], lr: float) -> Iterator[int]:
    """Train with Adam, with a field or letter by letter; says after each step which it was."""
    learned = [*tagger.parameters(), *(field.parameters() if field else ())]
    adam = torch.optim.Adam(learned, lr=lr)
    for step, (letters, tags, lengths) in enumerate(batches, 1):
        tagger.train()
        e = tagger(letters, lengths)
        if field:
            loss = field(e, tags, lengths=lengths)
        else:
            each = cross_entropy(e.flatten(0, 1), tags.flatten(), ignore_index=-1, reduction="sum")
            loss = each / len(lengths)
        adam.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(learned, 5.0)
        adam.step()
        yield step


@torch.no_grad()
def judge(tagger: Tagger, field: CRF | None, part: Lines) -> list[list[float]]:
    """Scores of the tags without and with the rules."""
    tagger.eval()
    e = tagger(part.letters, part.lengths)
    if field is None:
        said, field_and_rules = e.argmax(-1), rules()
    else:
        said = field.decode(e, lengths=part.lengths)[0]
        learned = crf.Params(field.A, field.b, field.f)
        field_and_rules = crf.Params(*(a + b for a, b in zip(learned, rules(), strict=True)))
    ruled = crf.viterbi(field_and_rules, e, part.lengths)[0]
    return [score(tags, part.tags, part.lengths) for tags in (said, ruled)]


def measure(
    seed: int,
    *,
    sizes: tuple[int, int, int] = (2400, 500, 1000),
    lines: int = 300,
    E: int = 16,
    H: int = 48,
    rate: float = 0.3,
    steps: int = 800,
    every: int = 50,
    B: int = 32,
    lr: float = 1e-2,
) -> dict[str, Any]:
    """Measure once, see the module."""
    torch.set_num_threads(1)
    train, *others = (
        [n for n in part if n.language in LANGUAGES and " " not in n.text]
        for part in name_languages.split(sizes)
    )
    valid, test = (
        encode(*draw(np.random.default_rng(k), part, lines)) for k, part in enumerate(others, 5)
    )
    found: dict[str, list[Any]] = {"score": [], "chosen": []}
    for has_field in (False, True):
        torch.manual_seed(seed)
        tagger = Tagger(E, H, rate)
        field = CRF(len(TAGS)) if has_field else None
        rng = np.random.default_rng([seed, 7])
        batches = (encode(*draw(rng, train, B)) for _ in range(steps))
        checks = [
            (step, judge(tagger, field, valid), judge(tagger, field, test))
            for step in teach(tagger, field, batches, lr)
            if step % every == 0
        ]
        for way in (0, 1):
            step, _, on_test = max(checks, key=lambda check: check[1][way][3])
            found["score"].append(on_test[way])
            found["chosen"].append(step)
    return found

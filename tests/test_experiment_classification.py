"""The experiments of chapter *classification*: their data, their scores and what they compare."""

import itertools

import numpy as np
import pytest
import torch

from rnnlib.experiments import name_languages, name_tags, negation
from rnnlib.nn import crf
from rnnlib.nn.modules import CRF


def test_nothing_is_named_on_two_sides():
    parts = name_languages.split((300, 100, 100))
    things = [{(n.kind, n.code) for n in part} for part in parts]
    for one, other in itertools.combinations(things, 2):
        assert not one & other
    texts = [n.text for part in parts for n in part]
    assert len(set(texts)) == len(texts)


def test_a_reader_does_not_see_beyond_the_end():
    batch = name_languages.encode(name_languages.split((20, 1, 1))[0])
    model = name_languages.Reader(200, 8, 5, 6, 2, 0.0).eval()
    said = model(batch.symbols, batch.lengths)
    noisy = batch.symbols.clone()
    noisy[torch.arange(len(noisy))[:, None] >= batch.lengths] = 7
    torch.testing.assert_close(model(noisy, batch.lengths), said)
    assert not torch.equal(batch.symbols, noisy)
    index = batch.lengths.argsort()[:4]
    few = name_languages.rows(batch, index)
    torch.testing.assert_close(model(few.symbols, few.lengths), said[index])


def test_the_baseline_counts_the_ends_of_a_name():
    pieces = name_languages.counting(2, 1.0)[0].fit(["ab"])
    assert set(pieces.get_feature_names_out()) == {" ", "a", "b", " a", "ab", "b "}


def test_a_score_is_error_and_loss():
    p = np.array([[0.7, 0.3], [0.6, 0.4]])
    error, loss = name_languages.judge(np.log(p), np.array([0, 1]))
    assert error == 0.5
    assert loss == pytest.approx(-np.log([0.7, 0.4]).mean(), abs=1e-4)


def test_an_answer_is_as_much_surer_as_its_probability_exceeds_the_share_right():
    logits = torch.tensor([[0.7, 0.3], [0.6, 0.4]]).log()
    assert name_languages.surplus(logits, torch.tensor([0, 1])) == pytest.approx(0.65 - 0.5)


@pytest.mark.parametrize(("epochs", "patience"), [(15, 3), (2, 3)])
def test_the_best_epoch_answers_and_training_ends_when_nothing_better_comes(epochs, patience):
    parts = [name_languages.encode(part) for part in name_languages.split((40, 30, 20))]

    def start():
        torch.manual_seed(2)
        return name_languages.Reader(200, 8, 5, 6, 2, 0.3)

    best = name_languages.best_epoch(start(), parts, epochs, patience, 0.1)
    model, losses, said = start(), [], []
    for _ in name_languages.teach(model, parts[0], 0.1):
        valid, test = (name_languages.answer(model, part) for part in parts[1:])
        losses.append(float(torch.nn.functional.cross_entropy(valid, parts[1].classes)))
        said.append(test)
        k = int(np.argmin(losses))
        if len(losses) == min(epochs, k + 1 + patience):
            break
    assert (len(losses) < 15) and (best.epoch, best.loss) == (k + 1, losses[k])
    assert torch.equal(best.test, said[k])
    assert torch.equal(best.last, said[-1])
    assert epochs == 2 or not torch.equal(best.test, best.last)


@pytest.mark.parametrize(("least", "most"), [(0, 3), (4, 7)])
def test_a_sentence_praises_as_its_last_clause_does(least, most):
    texts, labels = negation.sentences(np.random.default_rng(0), 200, least, most)
    for text, praise in zip(texts, labels, strict=True):
        words = text.split(" but ")[-1].split()
        assert ((words[-1] in negation.GOOD) ^ ("not" in words)) == praise
        assert least <= len(words) - 4 - ("not" in words) <= most
    assert 0.4 < np.mean(labels) < 0.6


def test_names_in_a_line_are_found_by_their_tags():
    names = [n for n in name_languages.split((200, 1, 1))[0] if n.language in name_tags.LANGUAGES]
    lines, tags = name_tags.draw(np.random.default_rng(0), names, 20)
    known = {(n.text, name_tags.LANGUAGES.index(n.language)) for n in names}
    for line, row in zip(lines, tags, strict=True):
        found = name_tags.spans(np.array(row))
        assert 2 <= len(found) <= 3
        assert {(line[a:b], language) for a, b, language in found} <= known
        assert name_tags.possible(np.array(row))
    _, right, lengths = name_tags.encode(lines, tags)
    assert name_tags.score(right, right, lengths) == [1, 1, 1, 1, 0]


def test_an_inside_that_cannot_follow_begins_a_name():
    begin, inside, other = 0, 1, 3
    assert name_tags.spans(np.array([begin, inside, other])) == {(0, 2, 0), (2, 3, 1)}
    assert not name_tags.possible(np.array([begin, inside, other]))
    assert not name_tags.possible(np.array([inside, inside]))


@pytest.mark.parametrize("has_field", [False, True])
def test_no_line_is_impossible_under_the_rules(has_field):
    names = [n for n in name_languages.split((200, 1, 1))[0] if n.language in name_tags.LANGUAGES]
    part = name_tags.encode(*name_tags.draw(np.random.default_rng(0), names, 20))
    torch.manual_seed(0)
    field = CRF(len(name_tags.TAGS)) if has_field else None
    free, ruled = name_tags.judge(name_tags.Tagger(4, 5, 0.3), field, part)
    assert free[-1] > 0 == ruled[-1]


def test_viterbi_under_the_rules_is_the_best_possible_sequence():
    torch.manual_seed(0)
    e = torch.randn(3, 5, len(name_tags.TAGS))
    said, scores = crf.viterbi(name_tags.rules(), e)
    every = np.array(list(itertools.product(range(e.shape[2]), repeat=3)))
    may = every[[name_tags.possible(tags) for tags in every]]
    for b in range(5):
        sums = e[np.arange(3), b, may].sum(-1)
        assert said[:, b].tolist() == may[int(sums.argmax())].tolist()
        assert float(scores[b]) == pytest.approx(float(sums.max()))

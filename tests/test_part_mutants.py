"""Bugs planted in the parts and losses: the gradient tests catch every one.

As in ``test_gradient_mutants``, each mutant replaces one place in the source of a module.
"""

import pytest
from helpers import RTOL, mutant
from part_errors import embedding_error

from rnnlib.reference import embedding

GROUPS = {  # name: module, the test, its mutants
    "embedding": (
        embedding,
        lambda module: embedding_error(module, (6, 3), V=4, D=3, seed=0),
        [
            ("np.add.at(dE, symbols, dxs)", "dE[symbols] = dxs"),
            ("np.add.at(dE, symbols, dxs)", "dE[symbols] += dxs"),
            ("np.add.at(dE, symbols, dxs)", "np.subtract.at(dE, symbols, dxs)"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols[::-1], dxs)"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols, dxs / len(dxs))"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols[:1], dxs[:1])"),
            ("params.E[symbols]", "params.E[symbols - 1]"),
        ],
    ),
}
ALL = [(name, *change) for name, (_, _, changes) in GROUPS.items() for change in changes]


def catches(error, module):
    """Does this test fail on this module, by a wrong number or by a shape that does not fit?"""
    try:
        return not error(module) <= RTOL
    except (ValueError, IndexError):
        return True


@pytest.mark.parametrize(("group", "old", "new"), ALL)
def test_every_mutant_is_caught(group, old, new):
    module, error, _ = GROUPS[group]
    assert catches(error, mutant(module, old, new))


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_mutant_the_test_passes_and_every_group_has_five(group):
    module, error, changes = GROUPS[group]
    assert not catches(error, module)
    assert len(changes) >= 5

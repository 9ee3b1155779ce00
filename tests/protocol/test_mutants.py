"""Every check of sealwire is watched by a vector: take it out, or move its limit by one, and some vector goes red."""

import ast

import pytest

from tests.protocol import mutants

NOT_SHOWN_BY_VECTORS = {
    ("cbor", "without isinstance(key, bool)"): "JSON has no such keys; test_encoder.py",
    ("cbor", "without not isinstance(key, int)"): "JSON has no such keys; test_encoder.py",
    ("cbor", "without self.lazily"): "whether a byte string is copied: only memory shows it",
    ("cbor", "without size > _COPIED"): "the same",
    ("cbor", "moved 0: size > _COPIED"): "the same",
    ("schema", "without isinstance(value, cbor.Items)"): "rows of a list read as the list does",
    ("schema", "without field.of.kind == _ROW"): "a list that is no rows reads the same, only more often",
    ("cbor", "without not more"): "such a byte then stands for a control character, which is refused as well",
    ("cose", "without not strict(public_key, signature)"): "the libraries refuse these too; test_encoder.py",
}
"""Changes that no vector can show, each with the reason or with the test that watches it instead."""


def _unseen(changed: list[mutants.Mutant]) -> list[str]:
    assert changed
    known = [mutant for mutant in changed if (mutant.module, mutant.change) in NOT_SHOWN_BY_VECTORS]
    return [str(mutant) for mutant in changed if mutant not in known and mutants.found_by(mutant) is None]


def test_unchanged_code_passes_all_vectors():
    unchanged = mutants.Mutant("cbor", 0, "nothing", "", lambda: mutants.source_tree("cbor"))
    assert mutants.found_by(unchanged) is None


@pytest.mark.parametrize("module", mutants.modules())
def test_each_refusal_is_shown_by_a_vector_of_its_own_reason(module):
    for mutant in mutants.without_raises(module):
        shown = mutants.found_by(mutant)
        assert shown is not None, str(mutant)
        if mutant.reason:
            assert shown.split("-")[0] == mutant.reason, f"{mutant}: {shown}"


@pytest.mark.parametrize("module", mutants.modules())
def test_each_part_of_a_condition_is_shown_by_a_vector(module):
    changed = list(mutants.without_parts(module))
    if changed:
        assert _unseen(changed) == []


@pytest.mark.parametrize("module", mutants.modules())
def test_each_limit_is_shown_by_a_vector(module):
    changed = list(mutants.moved_comparisons(module))
    if changed:
        assert _unseen(changed) == []


def test_what_is_not_shown_by_vectors_is_still_there():
    changed = [
        mutant
        for module in mutants.modules()
        for mutant in (*mutants.without_parts(module), *mutants.moved_comparisons(module))
    ]
    changes = {(mutant.module, mutant.change) for mutant in changed}
    assert set(NOT_SHOWN_BY_VECTORS) <= changes


def test_every_raise_of_the_sources_is_removed_once():
    for module in mutants.modules():
        raises = [node for node in ast.walk(mutants.source_tree(module)) if isinstance(node, ast.Raise)]
        assert len(raises) == len(list(mutants.without_raises(module)))

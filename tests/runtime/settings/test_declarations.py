from collections import Counter

import pytest

from runtime.settings.catalogue import CLASSES, every_declaration, own_declarations
from runtime.settings.declaration import Declaration
from tools.settings_reference.__main__ import PAGE
from tools.settings_reference.page import page

DECLARED = every_declaration()


def test_no_two_settings_share_a_variable_or_a_key() -> None:
    assert max(Counter(each.environment for each in DECLARED).values()) == 1
    assert max(Counter(each.key for each in DECLARED).values()) == 1


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.key)
def test_a_setting_says_what_it_does_and_which_values_it_takes(declared: Declaration) -> None:
    assert declared.prose.endswith(".")
    assert declared.allowed


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.key)
def test_a_number_is_bounded_on_both_sides(declared: Declaration) -> None:
    if declared.type in {int, float}:
        low, high = declared.bounds
        assert low is not None
        assert high is not None


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.key)
def test_a_quantity_carries_its_unit_in_its_name(declared: Declaration) -> None:
    suffix = {"TIME": "_s", "SIZE": "_bytes"}.get(declared.measure.metavar, "")
    assert declared.name.endswith(suffix)


def test_every_class_of_the_catalogue_has_a_title_and_no_class_is_listed_twice() -> None:
    assert all(cls.title for cls in CLASSES)
    assert len(set(CLASSES)) == len(CLASSES)


def test_what_a_class_inherits_is_declared_by_a_listed_class() -> None:
    listed = {id(each.field) for cls in CLASSES for each in own_declarations(cls)}
    inherited = {name for cls in CLASSES for name in cls.model_fields}
    assert inherited == {each.name for each in DECLARED}
    assert len(listed) == len(DECLARED)


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()

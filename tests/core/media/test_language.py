import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.language import iso639_2, language_tag


@pytest.mark.parametrize(
    ("code", "tag", "letters"),
    [
        ("eng", "en", "eng"),
        ("en", "en", "eng"),
        ("EN", "en", "eng"),
        ("ger", "de", "deu"),
        ("deu", "de", "deu"),
        ("chi", "zh", "zho"),
        ("pt-BR", "pt-BR", "por"),
        ("zh-Hant-TW", "zh-Hant-TW", "zho"),
        ("und", "und", "und"),
        ("mul", "mul", "mul"),
        ("tlh", "tlh", "tlh"),
        ("", "und", "und"),
        ("e", "und", "und"),
        ("en_US", "und", "und"),
        ('en"', "und", "und"),
        ("qaa-\0", "und", "qaa"),
        ("xx", "xx", "und"),
    ],
)
def test_codes_of_files_become_tags_of_manifests(code: str, tag: str, letters: str) -> None:
    assert language_tag(code) == tag
    assert iso639_2(code) == letters


@given(st.text(max_size=20))
def test_a_tag_can_be_written_anywhere(code: str) -> None:
    tag = language_tag(code)
    assert tag.isascii()
    assert tag.replace("-", "").isalnum()
    assert language_tag(tag) == tag
    assert len(iso639_2(code)) == 3
    assert iso639_2(code).isascii()

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.target import RefusedTarget, Target, canonical_query, read_target

CANONICAL = [
    ("/media/p_1/0.m4s", "/media/p_1/0.m4s"),
    ("/media/%70%5f1/0.m4s", "/media/p_1/0.m4s"),
    ("/%6d%65dia/p_1", "/media/p_1"),
    ("/media/a%c3%a9", "/media/a%C3%A9"),
    ("/media/a%252e", "/media/a%252e"),
    ("/media/x?b=1&a=2&b=0", "/media/x?a=2&b=1&b=0"),
    ("/media/x?CMCD=a%3D1", "/media/x"),
    ("/media/x?%43MCD=a&cmcd=b", "/media/x?cmcd=b"),
    ("/media/x?", "/media/x"),
    ("/media/x?&&a", "/media/x?a"),
    ("/media/", "/media/"),
    ("http://edge.test:8081/media/x", "/media/x"),
    ("HTTPS://edge.test/media/x?a", "/media/x?a"),
]


@pytest.mark.parametrize(("raw", "canonical"), CANONICAL)
def test_spellings_of_one_resource_have_one_name(raw: str, canonical: str) -> None:
    target = read_target(raw)
    assert (str(target), target.media) == (canonical, True)


ELSEWHERE = [
    "/",
    "/media",
    "/mediax/y",
    "/a//b",
    "/a/../b",
    "/x?b=1&a=2&CMCD=x",
    "/x?",
    "/%7e",
    "/a%2Fb",
]


@pytest.mark.parametrize("raw", ELSEWHERE)
def test_elsewhere_nothing_is_changed(raw: str) -> None:
    target = read_target(raw)
    assert (str(target), target.media) == (raw, False)


def test_an_absolute_form_without_a_path_is_the_root() -> None:
    assert read_target("http://edge.test") == Target("/", None, media=False)
    assert read_target("http://edge.test?a") == Target("/", "a", media=False)


REFUSED = [
    "",
    "*",
    "edge.test:443",
    "media/x",
    "/media/../x",
    "/media/x/..",
    "/media/.",
    "/media//x",
    "/media/x//y",
    "/media/%2e",
    "/media/x%2Ey",
    "/media/x%2fy",
    "/media/x%5cy",
    "/media/x\\y",
    "/media/x%00",
    "/media/%",
    "/media/%4",
    "/media/%4x",
    "//media/x",
    "/./media/x",
    "/a/../media/x",
    "/a/%2e%2E/media/x",
    "/a%2f..%2fmedia/x",
    "/media%2fx",
    "/media%5cx",
    "\\media/x",
    "/media/../media",
    "/media/x#y",
    "/media/x y",
    "/media/x\x7f",
    "/media/é",
    "/" + "x" * 9000,
]


@pytest.mark.parametrize("raw", REFUSED)
def test_what_could_mean_two_things_is_refused(raw: str) -> None:
    with pytest.raises(RefusedTarget):
        read_target(raw)


paths = st.text(alphabet="/.%25emdiaMEDIA\\2fF0cC?&=x", max_size=30)


@given(st.one_of(paths, paths.map("/media/".__add__), st.text()))
def test_a_target_is_refused_or_stays_the_same_when_read_again(raw: str) -> None:
    try:
        target = read_target(raw)
    except RefusedTarget:
        return
    assert read_target(str(target)) == target
    if target.media:
        assert target.path.startswith("/media/")
        assert not {"", ".", ".."} & set(target.path[1:-1].split("/")[1:-1])


@given(st.lists(st.text(alphabet="abC=M%4D", min_size=1, max_size=6), max_size=6))
def test_sorting_a_query_twice_changes_nothing(arguments: list[str]) -> None:
    once = canonical_query("&".join(arguments))
    assert canonical_query(once) == once

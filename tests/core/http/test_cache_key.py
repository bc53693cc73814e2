import pytest

from core.http.cache_key import cache_key, resource_of_url
from core.http.target import RefusedTarget, read_target

REQUEST = (("Accept-Language", "de"), ("Cookie", "a=b"))


def test_requests_for_one_resource_share_a_key() -> None:
    one, two = read_target("/media/x?b&a&CMCD=1"), read_target("/media/%78?a&b")
    assert cache_key(one, (), REQUEST) == cache_key(two, (), ())


def test_the_fields_a_resource_varies_by_part_them() -> None:
    target = read_target("/media/x")
    names = ("accept-language",)
    assert cache_key(target, names, REQUEST) != cache_key(target, names, ())
    assert cache_key(target, names, REQUEST) == cache_key(target, names, REQUEST[:1])


def test_a_url_and_its_path_name_one_resource() -> None:
    assert resource_of_url("https://any.test/media/x?b&a") == resource_of_url("/media/x?a&b")
    with pytest.raises(RefusedTarget):
        resource_of_url("media/x")

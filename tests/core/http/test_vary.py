from core.http.vary import variant, vary_names


def test_names_are_sorted_in_lower_case_each_once() -> None:
    headers = (("Vary", "Accept-Language, accept-encoding"), ("vary", "ACCEPT-ENCODING,,"))
    assert vary_names(headers) == ("accept-encoding", "accept-language")
    assert vary_names(()) == ()


def test_requests_that_say_the_same_choose_the_same_variant() -> None:
    names = ("accept", "accept-language")
    one = (("Accept", "a , b"), ("Accept-Language", " de "))
    two = (("accept-language", "de"), ("ACCEPT", "a"), ("accept", "b"))
    assert variant(names, one) == variant(names, two) == ("a,b", "de")


def test_an_absent_field_is_not_an_empty_one() -> None:
    assert variant(("accept",), ()) != variant(("accept",), (("Accept", ""),))

from core.cache.marks import Marks


def test_a_mark_lasts_its_while() -> None:
    marks: Marks[str] = Marks(120.0)
    marks.add("a", 1000.0)
    assert marks.holds("a", 1119.9)
    assert not marks.holds("a", 1120.0)
    assert not marks.holds("b", 1000.0)


def test_a_mark_can_be_renewed_and_taken_away() -> None:
    marks: Marks[str] = Marks(120.0)
    marks.add("a", 1000.0)
    marks.add("a", 1100.0)
    assert marks.holds("a", 1200.0)
    marks.discard("a")
    marks.discard("a")
    assert not marks.holds("a", 1200.0)


def test_their_number_is_bounded_and_the_oldest_goes() -> None:
    marks: Marks[int] = Marks(120.0, limit=3)
    for key in range(5):
        marks.add(key, float(key))
    assert [key for key in range(5) if marks.holds(key, 10.0)] == [2, 3, 4]

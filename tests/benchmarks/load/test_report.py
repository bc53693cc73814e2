import json
from xml.etree import ElementTree as ET

from benchmarks.load import plot, report
from benchmarks.load.contestant import Contestant
from benchmarks.load.idle import Idle
from benchmarks.load.results import Results, as_json, cpu_model
from benchmarks.load.rounds import Round, requests_for
from benchmarks.load.works import WORKS

WORK = WORKS[0]


def contestant(name: str, family: str) -> Contestant:
    return Contestant(name=name, family=family, settings="as it comes", port=1, pid=1)


def round_of(cpu_us: float, *, busy_us: float | None = None, generator_s: float = 0.5) -> Round:
    """A round of a thousand requests in a second."""
    busy = cpu_us if busy_us is None else busy_us
    return Round(1000, 1.0, cpu_us / 1000, generator_s, busy / 1000, 50.0, 90.0)


def results() -> Results:
    found = Results(
        [WORK],
        [
            contestant("sluice", "sluice"),
            contestant("nginx: a", "nginx"),
            contestant("nginx: b", "nginx"),
        ],
    )
    for name, costs in (("sluice", (5, 6)), ("nginx: a", (10, 10)), ("nginx: b", (9, 30))):
        for cost in costs:
            each = next(one for one in found.contestants if one.name == name)
            found.add(WORK, each, round_of(float(cost)))
    found.idle["sluice"] = Idle(5000, before_bytes=20_000_000, with_bytes=21_000_000)
    return found


def test_the_cost_of_a_round_is_its_time_over_its_requests() -> None:
    seen = round_of(8.0, busy_us=10.0)
    assert round(seen.cpu_us, 6) == 8.0
    assert seen.per_s == 1000
    assert round(seen.others_share, 6) == 0.2


def test_clocks_of_different_grain_never_make_others_less_than_nobody() -> None:
    assert round_of(8.0, busy_us=7.0).others_share == 0
    assert round_of(8.0, busy_us=0.0).others_share == 0


def test_a_round_is_as_long_as_asked_by_what_the_trial_took() -> None:
    assert requests_for(round_of(8.0), 2.5, least=64) == 2500
    assert requests_for(round_of(8.0), 0.001, least=64) == 64


def test_the_report_marks_the_best_and_says_what_was_missed() -> None:
    said = "\n".join(report.lines(results()))
    assert "* nginx: a" in said
    assert "  nginx: b" in said
    assert "sluice / nginx  0.55 (0.50–0.60)" in said
    assert "MISSED" not in said
    assert "2.00" in next(line for line in said.splitlines() if "sluice, 5000" in line)
    assert "do not trust" not in said


def test_the_report_says_when_others_were_at_work() -> None:
    disturbed = results()
    disturbed.add(WORK, disturbed.contestants[0], round_of(5.0, busy_us=50.0))
    disturbed.add(WORK, disturbed.contestants[1], round_of(5.0, generator_s=0.99))
    disturbed.add(WORK, disturbed.contestants[2], round_of(5.0))
    said = "\n".join(report.warnings(disturbed))
    assert "In 1 of 9 rounds more than a tenth" in said
    assert "In 1 of 9 rounds the generator" in said


def test_the_json_holds_every_round_and_ratio() -> None:
    read = json.loads(as_json(results(), {"seconds": 1.0}))
    assert [one["cpu_us"] for one in read["rounds"]["1k"]["sluice"]] == [5.0, 6.0]
    assert read["ratios"][0]["ratio"] == {"median": 0.55, "least": 0.5, "most": 0.6}
    assert read["contestants"][1]["settings"] == "as it comes"


def test_the_drawing_is_well_formed_and_has_a_bar_for_each_family() -> None:
    groups = plot.bars(results())
    assert {name: round(bar.median, 3) for name, bar in groups["1 KiB"].items()} == {
        "sluice": 0.55,
        "nginx": 1.0,
    }
    drawing = ET.fromstring(plot.svg(groups, "nginx/1 & others"))
    bars = drawing.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 1 + 2  # the ground, and two bars


def test_the_processors_name_is_read_where_there_is_one() -> None:
    assert cpu_model("processor : 0\nmodel name\t: A Fast One\n") == "A Fast One"
    assert cpu_model("processor : 0\n")

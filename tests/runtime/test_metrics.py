import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import Counter

from runtime.metrics import Family, Metrics, TooManyChildren


def test_a_child_is_made_once() -> None:
    family = Metrics(process="t").counter_family("probes", "Probes.", ("kind",))
    assert family("a") is family("a")
    assert family("a") is not family("b")


def test_labels_without_bound_are_refused_before_they_fill_the_memory() -> None:
    metrics = Metrics(process="t")
    family = Family(Counter("ids", "Ids.", ["id"], registry=metrics.registry), child_limit=3)
    for number in range(3):
        family(str(number)).inc()
    with pytest.raises(TooManyChildren):
        family("4")


def test_two_processes_worth_of_metrics_live_side_by_side() -> None:
    one, two = Metrics(process="one"), Metrics(process="two")
    one.counter("probes", "Probes.").inc()
    two.counter("probes", "Probes.")
    assert b"probes_total 1.0" in one.render()
    assert b"probes_total 0.0" in two.render()


def test_a_watched_value_is_read_when_the_page_is() -> None:
    metrics = Metrics(process="t")
    level = [1.0]
    metrics.watch("level", "Level.", lambda: level[0])
    level[0] = 7.0
    assert b"level 7.0" in metrics.render()


async def test_the_page_is_prometheus_text_and_names_what_runs() -> None:
    metrics = Metrics(process="edge")
    metrics.histogram("wait_s", "Wait.").observe(0.02)
    app = web.Application()
    app.router.add_get("/metrics", metrics.handle)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/metrics")
        text = await response.text()
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'sluice_build_info{native="' in text
    assert 'process="edge"' in text
    assert 'wait_s_bucket{le="0.03"} 1.0' in text

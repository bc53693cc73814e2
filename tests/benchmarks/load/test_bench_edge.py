"""The whole bench at tiny counts: it starts the servers, measures them, and ends them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load import nginx
from benchmarks.load.__main__ import exit_code, main
from benchmarks.load.contestant import Contestant
from benchmarks.load.edge import environment
from benchmarks.load.field import Field, signed
from benchmarks.load.figures import Comparison, Spread
from benchmarks.load.upstream import static_upstream
from tools.gate.needs import NGINX, locate

FEW = ["--repetitions", "2", "--seconds", "0.02", "--connections", "4", "--idle", "20"]


def test_our_edge_is_measured_against_nginx(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert locate(NGINX) is not None, "the gate installs nginx; apt-get install nginx"
    words = ["--families", "sluice", "nginx", "nginx cache", "--works", "1k", "range"]
    assert main([*words, *FEW, "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "sluice / nginx cache" in said
    found = json.loads((tmp_path / "edge.json").read_text(encoding="utf-8"))
    assert set(found["rounds"]) == {"1k", "range"}
    assert {each["family"] for each in found["contestants"]} == {"sluice", "nginx", "nginx cache"}
    for by_name in found["rounds"].values():
        for rounds in by_name.values():
            assert len(rounds) == 2
            assert all(one["cpu_us"] > 0 for one in rounds)
    assert found["idle"]["sluice"]["connections"] == 20
    assert found["settings"]["versions"]["nginx"].startswith("nginx/")
    assert (tmp_path / "edge.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_missed_goal_ends_with_a_code_only_when_asked() -> None:
    missed = Comparison("1k", "sluice", "nginx", "nginx: a", Spread(0.9, 0.9, 0.9), 0.75)
    kept = replace(missed, limit=0.95)
    assert exit_code([kept, missed], check=True) == 1
    assert exit_code([kept, missed], check=False) == 0
    assert exit_code([kept], check=True) == 0


def test_nopush_is_one_of_several_and_never_alone() -> None:
    nopush = [each for each in nginx.FILES if "tcp_nopush on" in each.directives]
    assert len(nopush) == 1
    assert any(each.directives == "sendfile on;" for each in nginx.FILES)


def test_every_configuration_of_nginx_listens_for_itself(tmp_path: Path) -> None:
    ports = range(1000, 1000 + len(nginx.FILES))
    text = nginx.configuration(tmp_path, nginx.FILES, ports, location="root /x;", extra="")
    for port, variant in zip(ports, nginx.FILES, strict=True):
        [line] = [line for line in text.splitlines() if f"127.0.0.1:{port} " in line]
        assert variant.directives in line
        assert variant.listen in line
    assert "access_log off;" in text
    assert "worker_processes 1;" in text


def test_the_edge_starts_without_settings_that_happen_to_be_about() -> None:
    own = {"PATH": "/bin", "SLUICE_MEMORY_BYTES": "1", "SLUICE_EDGE_NAME": "x"}
    assert environment(own, {"SLUICE_MEDIA_KEYS": "k:v"}) == {
        "PATH": "/bin",
        "SLUICE_MEDIA_KEYS": "k:v",
    }


def test_families_that_could_not_be_started_are_named() -> None:
    edge = Contestant(name="sluice", family="sluice", settings="", port=1, pid=1)
    with static_upstream({}) as upstream:
        servers = Field([edge, signed(edge)], upstream, {})
        assert servers.absent(["sluice", "sluice, signed", "varnish"]) == ["varnish"]


def test_the_signed_contestant_is_the_same_process_by_another_path() -> None:
    edge = Contestant(name="sluice", family="sluice", settings="", port=1, pid=1)
    found = signed(edge)
    assert (found.pid, found.port) == (edge.pid, edge.port)
    assert found.folder.startswith("/media/~")
    assert found.takes("1k")
    assert not found.takes("1m")

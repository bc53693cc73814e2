"""What holds for every call: refusals, ids, headers, and that no input makes the server err."""

import asyncio
import io
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.server import Api, running_server, server_settings

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("path", ["/nothing", "/videos/", "/videos//play", "/users/ada", "/%00"])
async def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.code) == (404, "route.unknown")
    assert answer.json["title"] == "Not Found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/videos", "GET, HEAD, POST"),
        ("POST", "/videos/abc", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
        ("OPTIONS", "/videos", "GET, HEAD, POST"),
        ("GET", "/cache/purge", "POST"),
    ],
)
async def test_a_method_that_is_not_there_says_which_are(
    api: Api, method: str, path: str, allowed: str
) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.code) == (405, "method.not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("sort=size", "sort"),
        ("sort=", "sort"),
        ("q=", "q"),
        ("q=" + "x" * 201, "q"),
        ("q=a%00b", "q"),
        ("cursor=", "cursor"),
    ],
)
async def test_a_wrong_query_parameter_is_named(api: Api, query: str, name: str) -> None:
    answer = await api.get(f"/videos?{query}")
    assert (answer.status, answer.code) == (400, "request.invalid_parameter")
    assert repr(name) in answer.json["detail"]
    (error,) = answer.json["errors"]
    assert (error["in"], error["pointer"]) == ("query", f"/{name}")


async def test_a_call_without_query_parameters_refuses_them(api: Api) -> None:
    video = await api.upload()
    answer = await api.get(f"/videos/{video['id']}?fields=id")
    assert (answer.status, answer.code) == (400, "request.invalid_parameter")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{", 400, "request.malformed_body"),
        ("application/json", b"", 400, "request.malformed_body"),
        ("application/json", b"[" * 100_000, 422, "request.invalid"),
        ("application/json", b'{"keys":' + b"[" * 100_000, 422, "request.invalid"),
        ("application/json", b'{"x":' * 100_000, 422, "request.invalid"),
        ("application/json", b'{"keys": ["\xff"]}', 400, "request.malformed_body"),
        ("application/json", b'{"keys": []}', 422, "request.invalid"),
        ("application/json", b'{"keys": ["a b"]}', 422, "request.invalid"),
        ("application/json; charset=utf-8", b'{"keys": ["a"]}', 202, None),
        ("application/json", b'{"keys": ["' + b"a" * 2**20 + b'"]}', 413, "request.too_large"),
        ("text/json", b'{"keys": ["a"]}', 415, "request.media_type"),
        ("application/x-www-form-urlencoded", b"keys=a", 415, "request.media_type"),
        ("multipart/form-data; boundary=x", b"--x--", 415, "request.media_type"),
    ],
)
async def test_a_wrong_body_is_refused(
    api: Api, content_type: str, body: bytes, status: int, code: str | None
) -> None:
    fields = {"Content-Type": content_type}
    answer = await api.ask("POST", "/cache/purge", data=io.BytesIO(body), headers=fields)
    assert answer.status == status, answer.body
    if code is not None:
        assert answer.code == code


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "x-unheard-of", "identity, gzip"])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_a_body_in_a_content_coding_is_refused(
    api: Api, coding: str, content_type: str
) -> None:
    fields = {"Content-Type": content_type, "Content-Encoding": coding}
    path = "/cache/purge" if content_type == "application/json" else "/videos"
    answer = await api.ask("POST", path, data=io.BytesIO(b'{"keys": ["a"]}'), headers=fields)
    assert (answer.status, answer.code) == (415, "request.media_type")
    assert answer.headers["Accept-Encoding"] == "identity"


async def test_a_client_that_leaves_within_a_json_body_is_no_mistake_of_ours(
    api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
    writer.write(
        b"POST /cache/purge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    counted = 'method="POST",route="/cache/purge",status="400"'
    async with asyncio.timeout(30):
        while counted not in (await api.get("/metrics")).body.decode():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "crashed" not in caplog.text + "".join(capsys.readouterr())


async def test_a_problem_names_its_instance_as_a_uri(api: Api) -> None:
    answer = await api.get("/videos/a%0D%0Ab%20%C3%A9")
    assert answer.json["instance"] == "/videos/a%0D%0Ab%20%C3%A9"


async def test_a_head_that_dribbles_in_does_not_hold_its_connection(
    database_url: str, tmp_path: Path
) -> None:
    short = server_settings(database_url, tmp_path / "data", idle_timeout_s=1)
    async with running_server(short) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
        writer.write(b"GET / HTTP/1.1\r\n")
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(20):
            while not ended.done():
                writer.write(b"X-Slow: y\r\n")
                await asyncio.wait([ended], timeout=0.2)
        # What it wrote last may have met a closed socket.
        assert isinstance(ended.exception(), ConnectionResetError) or ended.result() == b""
        writer.close()


async def test_what_can_be_read_is_said_with_415(api: Api) -> None:
    answer = await api.ask("POST", "/videos", data=b"x", headers={"Content-Type": "video/mp4"})
    assert answer.headers["Accept"] == "multipart/form-data, application/json"


async def test_every_answer_has_an_id_and_its_time(api: Api) -> None:
    for path in ("/videos", "/nothing", "/openapi.json", "/"):
        answer = await api.get(path)
        assert len(answer.headers["X-Request-Id"]) == 16
        assert answer.headers["Server-Timing"].startswith("app;dur=")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("edge-fra1-000042", True), ("short", False), ("x" * 65, False), ("a b" * 5, False)],
)
async def test_a_sound_request_id_is_taken_over(api: Api, sent: str, kept: bool) -> None:
    answer = await api.get("/videos", headers={"X-Request-Id": sent})
    assert (answer.headers["X-Request-Id"] == sent) is kept


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    api: Api, fields: dict[str, str], status: int
) -> None:
    answer = await api.ask("POST", "/cache/purge", json={"keys": ["a"]}, headers=fields)
    assert answer.status == status
    if status == 403:
        assert answer.code == "request.cross_origin"


@pytest.mark.parametrize(
    "public_url",
    [
        "https://films.example",
        "https://films.example/sluice",
        "https://films.example:443",
        "https://Films.Example",
    ],
)
async def test_our_own_page_may_change_things_under_the_hosts_it_is_reached_by(
    database_url: str, tmp_path: Path, public_url: str
) -> None:
    settings_ = server_settings(database_url, tmp_path / "data", public_url=public_url)
    async with running_server(settings_) as api:
        for origin in (api.url, "https://films.example"):
            answer = await api.ask(
                "POST", "/cache/purge", json={"keys": ["a"]}, headers={"Origin": origin}
            )
            assert answer.status == 202


async def test_no_answer_of_the_api_lets_another_sites_script_read_it(api: Api) -> None:
    answer = await api.get("/videos", headers={"Origin": "https://other.example"})
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_a_probe_of_http_1_0_need_not_name_a_host(api: Api, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    async with asyncio.timeout(30):
        assert (await reader.read()).startswith(b"HTTP/1.0 200 ")
    writer.close()


async def test_health_readiness_and_metrics(api: Api) -> None:
    assert (await api.get("/healthz")).json["status"] == "ok"
    ready = await api.get("/readyz")
    assert (ready.status, ready.json["checks"]) == (200, {"postgres": "ok", "store": "ok"})
    await api.get("/videos")
    metrics = (await api.get("/metrics")).body.decode()
    line = 'sluice_api_requests_total{method="GET",route="/videos",status="200"} 1.0'
    assert line in metrics


async def test_unknown_paths_do_not_multiply_the_metrics(api: Api) -> None:
    for n in range(30):
        await api.get(f"/nothing/{n}")
    metrics = (await api.get("/metrics")).body.decode()
    assert 'route="none",status="404"} 30.0' in metrics


# Text as it may be put into a URL or JSON, with the characters that make trouble.
texts = st.text(
    st.one_of(
        st.sampled_from("\x00\x1f\n\\'\"%_;<>/.?&=#\u202e\ufeff\U0001f3ac"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(["limit", "cursor", "sort", "q", "user", "x"]) | texts
requests = st.tuples(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    st.sampled_from(["/videos", "/videos/{}", "/videos/{}/play", "/users/{}/history",
                     "/users/{}/history/{}", "/cache/purge", "/watch/{}", "/assets/{}"]),
    texts,
    st.dictionaries(names, texts, max_size=3),
    st.one_of(
        values,
        st.fixed_dictionaries({"title": texts}),
        st.fixed_dictionaries({"keys": st.lists(texts, max_size=3)}),
        st.fixed_dictionaries(
            {
                "video_id": texts,
                "position_ms": st.integers(),
                "client_ts": texts | st.datetimes().map(str),
            }
        ),
    ),
)  # fmt: skip


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(requests, min_size=10, max_size=20))
def test_no_input_makes_the_server_err(
    database_url: str, tmp_path: Path, batch: list[tuple[str, str, str, dict[str, str], object]]
) -> None:
    asyncio.run(none_errs(database_url, tmp_path / "data", batch))


async def none_errs(
    database_url: str,
    data: Path,
    batch: list[tuple[str, str, str, dict[str, str], object]],
) -> None:
    async with running_server(server_settings(database_url, data)) as api:
        for method, path, variable, query, body in batch:
            answer = await api.ask(
                method,
                path.format(quote(variable, safe=""), quote(variable, safe="")),
                params=query,
                json=body,
                headers={"If-Match": "*"},
            )
            assert answer.status < 500 or answer.status == 501, (method, path, answer.body)
            if answer.status >= 400:
                assert answer.code

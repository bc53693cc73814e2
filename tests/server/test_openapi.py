import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from openapi_spec_validator import OpenAPIV31SpecValidator

from runtime.postgres import Pool
from server.application import ENDPOINTS
from server.endpoint import Endpoint
from server.openapi import faults_of, openapi_document
from tests.fixtures.server import Api, publish

DOCUMENT = msgspec.json.decode(msgspec.json.encode(openapi_document(ENDPOINTS)))


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize("each", ENDPOINTS, ids=lambda each: each.name)
def test_every_endpoint_is_described_with_its_refusals(each: Endpoint) -> None:
    operation = DOCUMENT["paths"][each.path][each.method.lower()]
    assert operation["summary"]
    assert str(int(each.answer.status)) in operation["responses"]
    assert {str(fault.status) for fault in faults_of(each)} <= set(operation["responses"])
    assert all(fault.__doc__ for fault in faults_of(each))


def test_query_parameters_are_described_with_their_bounds() -> None:
    parameters = {each["name"]: each for each in DOCUMENT["paths"]["/videos"]["get"]["parameters"]}
    assert set(parameters) == {"limit", "cursor", "sort", "q", "If-None-Match"}
    assert parameters["limit"]["schema"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "default": 25,
    }  # fmt: skip
    assert parameters["q"]["schema"]["maxLength"] == 200
    assert "anyOf" not in parameters["q"]["schema"]


def test_an_upload_is_described_as_a_form_with_a_file() -> None:
    content = DOCUMENT["paths"]["/videos"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    form = content["multipart/form-data"]["schema"]
    assert form["properties"]["file"]["contentMediaType"] == "application/octet-stream"
    assert form["required"] == ["file"]


def check(schema: dict[str, object], value: object) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


@pytest.mark.postgres
async def test_answers_are_as_the_document_says(api: Api, pool: Pool) -> None:
    video = await api.upload()
    await publish(pool, video["id"])
    report = {"video_id": video["id"], "position_ms": 5, "client_ts": "2026-01-01T00:00:00Z"}
    await api.ask("POST", "/users/ada/history", json=report)
    for path, made in (
        ("/videos", "/videos"),
        ("/videos/{video_id}", f"/videos/{video['id']}"),
        ("/videos/{video_id}/play", f"/videos/{video['id']}/play"),
        ("/users/{user_id}/history", "/users/ada/history"),
    ):
        responses = DOCUMENT["paths"][path]["get"]["responses"]
        answer = await api.get(made)
        check(responses["200"]["content"]["application/json"]["schema"], answer.json)
        refusal = await api.get(f"{made}?nonsense=1")
        problem = responses["400"]["content"]["application/problem+json"]["schema"]
        check(problem, refusal.json)


@pytest.mark.postgres
async def test_the_document_is_served(api: Api) -> None:
    answer = await api.get("/openapi.json")
    assert answer.json == DOCUMENT
    assert answer.headers["Access-Control-Allow-Origin"] == "*"

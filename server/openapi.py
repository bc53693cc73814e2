"""The OpenAPI 3.1 document, made from the endpoints themselves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from core.errors import Fault
from core.http.problem import PROBLEM_TYPE
from runtime.postgres import DatabaseUnavailable
from runtime.version import sluice_version
from server.documents import Problem
from server.endpoint import JSON, Endpoint
from server.faults import (
    InvalidBody,
    InvalidParameter,
    MalformedBody,
    UnsupportedMediaType,
)

API_VERSION: Final = "1"
_REFERENCE: Final = "#/components/schemas/{name}"
_TAGS: Final = {
    "videos": "The library.",
    "captions": "Subtitles and chapters.",
    "playback": "Starting to watch.",
    "history": "Where users are in what they watch.",
    "cache": "The edges' caches.",
}

Document = dict[str, Any]


def openapi_document(endpoints: Sequence[Endpoint]) -> Document:
    """Describe `endpoints` (OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12)."""
    types = _types(endpoints)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, Document] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Sluice",
            "version": API_VERSION,
            "summary": "A library of videos that play.",
            "description": _introduction(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": name, "description": prose} for name, prose in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": components},
    }


def faults_of(each: Endpoint) -> tuple[type[Fault], ...]:
    """Every fault that an endpoint may answer: its own, and what follows from what it takes."""
    common: list[type[Fault]] = [InvalidParameter, DatabaseUnavailable]
    if each.body_types:
        common += [MalformedBody, InvalidBody, UnsupportedMediaType]
    return tuple(dict.fromkeys([*each.faults, *common]))


def _introduction() -> str:
    return (
        f"The API of Sluice {sluice_version()}. Errors are problem documents (RFC 9457) whose "
        "`code` a program may match on. Every answer carries an `X-Request-Id`, which the server's "
        "log has too. Lists are walked with `next_cursor`. Requests that change something are "
        "refused when a page of another web site makes them through a browser."
    )


def _types(endpoints: Iterable[Endpoint]) -> list[Any]:
    types: list[Any] = [Problem]
    for each in endpoints:
        types += [kind for kind in (each.query_type, each.answer.body) if kind is not None]
        types += [*each.path_types.values(), *each.body_types.values()]
    return list({id(kind): kind for kind in types}.values())


def _operation(each: Endpoint, schema_of: Mapping[int, Document]) -> Document:
    summary, _, description = each.prose.partition("\n\n")
    operation: Document = {
        "operationId": each.name,
        "tags": [each.tag],
        "summary": summary.replace("\n", " ").rstrip("."),
        "parameters": [
            *_path_parameters(each, schema_of),
            *_query_parameters(each),
            *_header_parameters(each),
        ],
        "responses": _responses(each, schema_of),
    }
    if description:
        operation["description"] = description
    if each.body_types:
        content = {
            media: {"schema": _body_schema(media, kind, schema_of)}
            for media, kind in each.body_types.items()
        }
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _body_schema(media: str, kind: Any, schema_of: Mapping[int, Document]) -> Document:
    if media == JSON:
        return schema_of[id(kind)]
    if kind is bytes:
        return {"type": "string", "contentMediaType": media}
    # In a form a file is raw bytes, which OpenAPI 3.1 says by contentMediaType, not by base64.
    _, components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    own: Document = components[kind.__name__]
    for part in own["properties"].values():
        if part.pop("contentEncoding", None):
            part["contentMediaType"] = "application/octet-stream"
    return own


def _path_parameters(each: Endpoint, schema_of: Mapping[int, Document]) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schema_of[id(kind)]}
        for name, kind in each.path_types.items()
    ]


def _query_parameters(each: Endpoint) -> list[Document]:
    if each.query_type is None:
        return []
    parameters = []
    (_, schemas) = msgspec.json.schema_components([each.query_type], ref_template=_REFERENCE)
    for name, schema in schemas[each.query_type.__name__]["properties"].items():
        plain = _without_null(schema)
        parameter: Document = {"name": name, "in": "query", "schema": plain}
        if prose := plain.pop("description", None):
            parameter["description"] = prose
        parameters.append(parameter)
    return parameters


def _without_null(schema: Document) -> Document:
    """A query parameter is absent, never null."""
    if "anyOf" not in schema:
        return schema
    (kept,) = (option for option in schema["anyOf"] if option.get("type") != "null")
    return {
        key: value for key, value in {**schema, **kept}.items() if key not in {"anyOf", "default"}
    }


def _header_parameters(each: Endpoint) -> list[Document]:
    # OpenAPI 3.1 §4.8.12.2 ignores a parameter named Accept: the types of the answers say it.
    return [
        {"name": name, "in": "header", "description": prose, "schema": {"type": "string"}}
        for name, prose in each.headers.items()
        if name != "Accept"
    ]


def _responses(each: Endpoint, schema_of: Mapping[int, Document]) -> Document:
    success: Document = {"description": each.answer.status.phrase}
    if each.answer.body is not None:
        success["content"] = {JSON: {"schema": schema_of[id(each.answer.body)]}}
    if each.answer.headers:
        success["headers"] = {
            name: {"description": prose, "schema": {"type": "string"}}
            for name, prose in each.answer.headers.items()
        }
    responses: Document = {str(int(each.answer.status)): success}
    for status, prose in each.answer.also.items():
        responses[str(int(status))] = {"description": prose}
    responses.update(_refusals(faults_of(each), schema_of))
    return responses


def _refusals(faults: Iterable[type[Fault]], schema_of: Mapping[int, Document]) -> Document:
    """Problems by status; several faults of one status are listed together."""
    prose: dict[str, list[str]] = {}
    for fault in sorted(faults, key=lambda each: (each.status, each.code)):
        first_line = (fault.__doc__ or "").strip().partition("\n")[0]
        prose.setdefault(str(fault.status), []).append(f"`{fault.code}`: {first_line}")
    content = {PROBLEM_TYPE: {"schema": schema_of[id(Problem)]}}
    return {
        status: {"description": "\n\n".join(lines), "content": content}
        for status, lines in prose.items()
    }

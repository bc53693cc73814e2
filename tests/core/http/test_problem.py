import json

from core.errors import Fault, InputFault
from core.http.problem import problem_body, problem_document


class TeapotFault(InputFault):
    status = 418
    code = "kettle.wrong"


class OddFault(Fault):
    status = 799
    code = "odd"


def test_a_document_says_what_where_and_for_which_request() -> None:
    document = problem_document(TeapotFault("no coffee in 'x'"), instance="/pot", request_id="r1")
    assert document == {
        "type": "about:blank",
        "title": "I'm a Teapot",
        "status": 418,
        "detail": "no coffee in 'x'",
        "instance": "/pot",
        "code": "kettle.wrong",
        "request_id": "r1",
    }


def test_single_errors_are_listed_when_there_are_any() -> None:
    errors = [{"pointer": "/title", "detail": "is empty"}]
    document = problem_document(
        InputFault("bad"), instance="/videos", request_id="r", errors=errors
    )
    assert document["errors"] == errors


def test_a_status_nobody_registered_has_a_title_all_the_same() -> None:
    assert problem_document(OddFault("odd"), instance="/", request_id="r")["title"] == "Error"


def test_the_body_is_json_in_ascii_whatever_the_message_holds() -> None:
    body = problem_body(InputFault('"é\ud800\x00'), instance="/ü", request_id="r")
    assert json.loads(body)["detail"] == '"é\ud800\x00'
    assert body.isascii()

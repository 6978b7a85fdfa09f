"""`convergence replay` goes through all pages."""

import json

import httpx
import pytest

from cli.api import Api
from cli.replay import pages
from shared.errors import RequestInvalid


def test_each_call_goes_on_where_the_one_before_ended() -> None:
    asked = []
    answers = iter([([{"run": 1}, {"run": 2}], "b" * 32), ([{"run": 3}], None)])

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        runs, token = next(answers)
        return httpx.Response(202, json={"replayed": len(runs), "runs": runs, "next_page_token": token})

    api = Api(httpx.Client(base_url="http://api.example", transport=httpx.MockTransport(answer)))
    assert list(pages(api, {"error_code": "query_failed"})) == [[{"run": 1}, {"run": 2}], [{"run": 3}]]
    assert [one.get("page_token") for one in asked] == [None, "b" * 32]
    assert {one["error_code"] for one in asked} == {"query_failed"}


def test_a_refusal_ends_it() -> None:
    problem = {"code": "run_not_failed", "detail": "run x is SUCCEEDED", "errors": []}
    transport = httpx.MockTransport(lambda _: httpx.Response(409, json=problem))
    api = Api(httpx.Client(base_url="http://api.example", transport=transport))
    with pytest.raises(RequestInvalid, match="run x is SUCCEEDED"):
        list(pages(api, {"run": "0" * 32}))

"""Calls of a GraphQL API: what is sent, what comes back, and what is tried again."""

from dataclasses import dataclass

import msgspec
import pytest

from hardpoint.clients import GraphQLError, PartialData, ReportedError
from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply

PRODUCT = "query Product($id: ID!) { product(id: $id) { title } }"
REFUND = "mutation Refund($id: ID!) { refund(id: $id) { id } }"


@dataclass
class Product:
    title: str


class Products(msgspec.Struct):
    product: Product


def coded(code, message="no", **more):
    return {"message": message, "extensions": {"code": code}, **more}


def test_data_is_read_as_the_type_asked_for(api):
    api.fake.on("Product", {"product": {"title": "Roof"}})
    shop = api.client(headers={"x-version": "3"})
    assert api.do(shop.query(PRODUCT, {"id": 7})) == {"product": {"title": "Roof"}}
    found = api.do(shop.query(PRODUCT, {"id": 7}, into=Products, headers={"x-shop": "1"}))
    assert found == Products(Product("Roof"))
    asked = api.last
    assert (asked.kind, asked.name, asked.text, asked.variables) == (
        "query",
        "Product",
        PRODUCT,
        {"id": 7},
    )
    assert asked.headers["accept"].startswith("application/graphql-response+json")
    assert (asked.headers["x-version"], asked.headers["x-shop"]) == ("3", "1")


def test_data_of_another_shape_says_where(api):
    api.fake.on("Product", {"product": {"title": 3}})
    error = api.fails(api.client().query, PRODUCT, into=Products)
    assert isinstance(error, UnexpectedResponseError)
    assert "$.product.title" in str(error)


def test_an_error_is_never_a_success(api):
    errors = [{"message": "too old", "path": ["product", 0, "title"]}, {"message": "also"}]
    api.fake.on("Product", {"product": {"title": None}}, errors=errors)
    error = api.fails(api.client().query, PRODUCT)
    assert isinstance(error, GraphQLError)
    assert (error.path, error.data) == (("product", 0, "title"), {"product": {"title": None}})
    assert [one.message for one in error.errors] == ["too old", "also"]
    assert "at product.0.title: too old and 1 more" in str(error)
    assert (error.outcome_known, error.retryable, api.attempts) == (True, False, 1)


def test_part_of_the_data_comes_with_what_is_missing(api):
    api.fake.on("Product", {"product": None, "shop": {"id": 1}}, errors=[coded("FORBIDDEN")])
    part = api.do(api.client().query_partial(PRODUCT))
    assert part == PartialData(
        {"product": None, "shop": {"id": 1}},
        (ReportedError(message="no", code="FORBIDDEN", extensions={"code": "FORBIDDEN"}),),
    )
    api.fake.on("Product", None, errors=[coded("FORBIDDEN")])
    assert isinstance(api.fails(api.client().query_partial, PRODUCT), PermissionDeniedError)


def test_an_empty_list_of_errors_is_none(api):
    api.fake.on("*", lambda asked: FakeReply.json({"data": {"a": 1}, "errors": []}, 200))
    assert api.do(api.client().query("{ a }")) == {"a": 1}


@pytest.mark.parametrize(
    ("code", "kind", "attempts"),
    [
        ("THROTTLED", RateLimitedError, 3),
        ("RATE_LIMITED", RateLimitedError, 3),
        ("UNAUTHENTICATED", AuthenticationError, 1),
        ("FORBIDDEN", PermissionDeniedError, 1),
        ("NOT_FOUND", NotFoundError, 1),
        ("INTERNAL_SERVER_ERROR", UnavailableError, 3),
        ("GRAPHQL_VALIDATION_FAILED", GraphQLError, 1),
        ("BAD_USER_INPUT", GraphQLError, 1),
        ("anything", GraphQLError, 1),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_code_says_what_an_error_means(api, code, kind, attempts, status):
    api.fake.on("Product", None, errors=[{"message": "?"}, coded(code)], status=status)
    error = api.fails(api.client().query, PRODUCT)
    assert type(error) is kind
    assert api.attempts == attempts
    cause = error
    while not isinstance(cause, GraphQLError):
        cause = cause.__cause__
    assert [one.code for one in cause.errors] == [None, code]


def test_github_says_its_code_as_type(api):
    api.fake.on("Product", None, errors=[{"message": "wait", "type": "RATE_LIMITED"}])
    assert isinstance(api.fails(api.client().query, PRODUCT), RateLimitedError)


def test_codes_of_the_configuration_go_first(api):
    api.fake.on("Product", None, errors=[coded("OUT_OF_STOCK")])
    shop = api.client(errors={"OUT_OF_STOCK": "conflict"})
    assert api.fails(shop.query, PRODUCT).code == "conflict"


@pytest.mark.parametrize(
    ("status", "kind", "attempts"),
    [(401, AuthenticationError, 1), (503, UnavailableError, 3), (429, RateLimitedError, 3)],
)
def test_where_no_code_is_known_the_status_decides(api, status, kind, attempts):
    api.fake.on("Product", None, errors=[{"message": "?"}], status=status)
    assert isinstance(api.fails(api.client().query, PRODUCT), kind)
    assert api.attempts == attempts
    api.fake.on("Product", {"product": 1}, status=status)
    assert isinstance(api.fails(api.client().query, PRODUCT), kind)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "text/html"),
        (b"[]", "application/json"),
        (b'{"data": [1]}', "application/json"),
        (b'{"data": null}', "application/json"),
        (b'{"a": 1}', "application/json"),
        (b'{"data": {"a": "\xff"}}', "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_what_is_no_graphql_is_no_success(api, body, kind):
    api.fake.on(
        "*", lambda asked: FakeReply(status=200, headers=(("content-type", kind),), body=body)
    )
    error = api.fails(api.client().query, PRODUCT)
    assert isinstance(error, UnexpectedResponseError)
    assert "neither data nor errors: is /graphql where it takes GraphQL?" in str(error)
    assert isinstance(api.fails(api.client().mutate, REFUND), OutcomeUnknownError)
    api.fake.on(
        "*", lambda asked: FakeReply(status=404, headers=(("content-type", kind),), body=body)
    )
    assert isinstance(api.fails(api.client().query, PRODUCT), NotFoundError)


def test_errors_in_no_known_shape_are_errors_all_the_same(api):
    api.fake.on("*", lambda asked: FakeReply.json({"data": {"a": 1}, "errors": "no"}, 200))
    error = api.fails(api.client().query, "{ a }")
    assert isinstance(error, GraphQLError)
    assert error.errors == (ReportedError(message="no"),)
    api.fake.on(
        "*",
        lambda asked: FakeReply.json(
            {"errors": [{"message": "x", "path": "a", "extensions": [1]}] * 200}, 200
        ),
    )
    error = api.fails(api.client().query, "{ a }")
    assert (len(error.errors), error.path, error.data) == (100, (), None)


def test_a_secret_that_an_error_quotes_is_not_shown(api):
    api.fake.on("Product", None, errors=[{"message": "bad token sk_shop_12345678"}])
    shop = api.client(auth="bearer", key=Secret.value("sk_shop_12345678"))
    error = api.fails(shop.query, PRODUCT)
    assert "sk_shop" not in f"{error} {error.errors}"


# Acting


def test_a_mutation_acts_and_is_told(api):
    api.fake.on("Refund", {"refund": {"id": 1}})
    assert api.do(api.client().mutate(REFUND, {"id": 1})) == {"refund": {"id": 1}}
    assert api.fake.ledger.count("mutation", name="Refund") == 1


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"idempotency_header": "Idempotency-Key"}, lambda asked: asked.headers["idempotency-key"]),
        ({"idempotency_variable": "key"}, lambda asked: asked.variables["key"]),
        (
            {"idempotency_variable": "input.clientMutationId"},
            lambda asked: asked.variables["input"]["clientMutationId"],
        ),
    ],
)
def test_a_key_goes_where_the_connection_says(api, options, place):
    api.fake.on("Refund", None, errors=[coded("INTERNAL_SERVER_ERROR")])
    shop = api.client(**options)
    variables = {"input": {"amount": 3}}
    error = api.fails(shop.mutate, REFUND, variables, idempotency_key="r-1")
    assert isinstance(error, OutcomeUnknownError)
    assert (error.repeatable, api.attempts) == (True, 3)
    assert place(api.last) == "r-1"
    assert api.last.variables["input"]["amount"] == 3
    api.fails(shop.mutate, REFUND, variables, idempotency_key="with blanks ")
    assert place(api.last) not in {"with blanks ", "r-1"}


def test_without_a_key_what_may_have_acted_is_not_repeated(api):
    api.fake.on("Refund", {"refund": None}, errors=[coded("INTERNAL_SERVER_ERROR")])
    error = api.fails(api.client().mutate, REFUND)
    assert isinstance(error, OutcomeUnknownError)
    assert (api.attempts, error.repeatable) == (1, False)


def test_an_error_without_a_code_leaves_a_mutation_in_doubt(api):
    api.fake.on("Refund", {"refund": None}, errors=[{"message": "broken", "path": ["refund"]}])
    error = api.fails(api.client().mutate, REFUND)
    assert isinstance(error, OutcomeUnknownError)
    assert "may come from a mutation that has acted" in str(error)
    error = api.fails(api.client(uncoded="answer").mutate, REFUND)
    assert isinstance(error, GraphQLError)


def test_one_that_was_not_even_begun_is_no_doubt(api):
    api.fake.on("Refund", None, errors=[{"message": "no such field"}])
    assert isinstance(api.fails(api.client().mutate, REFUND), GraphQLError)


BOTH = "mutation Both { refund { id } note { id } }"


@pytest.mark.parametrize(
    ("document", "data", "path"),
    [
        (BOTH, {"refund": {"id": 1}, "note": None}, ["note"]),
        (BOTH, None, ["note"]),
        ("mutation Both { ...Fields } fragment Fields on M { refund note }", None, ["note"]),
        ("mutation Both { refund { note { id } } }", None, ["refund", "note", "id"]),
    ],
)
def test_what_has_acted_in_part_is_in_doubt_and_never_repeated(api, document, data, path):
    api.fake.on("Both", data, errors=[coded("THROTTLED", path=path)])
    error = api.fails(api.client(idempotency_header="Idempotency-Key").mutate, document)
    assert isinstance(error, OutcomeUnknownError)
    assert "has acted, in part at least" in str(error)
    reported = error.__cause__
    while not isinstance(reported, GraphQLError):
        reported = reported.__cause__
    assert (reported.data, reported.path, api.attempts) == (data, tuple(path), 1)


@pytest.mark.parametrize("field", ["refund", "done: refund", "refund @live", "refund(a: {b: 1})"])
def test_one_field_that_was_not_begun_may_be_tried_again(api, field):
    api.fake.on("One", None, errors=[coded("THROTTLED", path=["refund"])])
    error = api.fails(api.client().mutate, f"mutation One {{ {field} {{ id name }} }}")
    assert (isinstance(error, RateLimitedError), api.attempts) == (True, 3)


def test_what_sets_a_state_may_come_twice(api):
    api.fake.on("Refund", None, errors=[coded("INTERNAL_SERVER_ERROR")])
    error = api.fails(api.client().mutate, REFUND, repeat="idempotent")
    assert (isinstance(error, OutcomeUnknownError), api.attempts) == (True, 3)
    api.fake.on("Refund", {"refund": 1})
    assert api.do(api.client().mutate(REFUND, repeat="idempotent")) == {"refund": 1}


# Persisted queries, caches, and the cost


def test_the_digest_goes_first_and_the_text_once(api):
    api.fake.on("*", {"product": 1})
    shop = api.client(persisted=True)
    for _ in range(2):
        assert api.do(shop.query(PRODUCT)) == {"product": 1}
    assert (len(api.fake.asked), api.attempts) == (2, 2)
    assert api.do(shop.mutate(REFUND)) == {"product": 1}


def test_what_may_be_cached_is_a_get(api):
    api.fake.on("Product", {"product": 1})
    shop = api.client(persisted=True)
    assert api.do(shop.query(PRODUCT, {"id": "7&8"}, cacheable=True)) == {"product": 1}
    assert api.last.variables == {"id": "7&8"}
    api.fake.on("", {"a": 1})
    assert api.do(api.client().query("{ a }", cacheable=True)) == {"a": 1}
    assert api.last.variables == {}


def cost(available, wanted=100, rate=50):
    status = {"maximumAvailable": 1000, "currentlyAvailable": available, "restoreRate": rate}
    return {"cost": {"requestedQueryCost": wanted, "throttleStatus": status}}


def test_it_waits_before_the_limit_bites(api):
    api.fake.on("Product", {"product": 1}, extensions=cost(10))
    shop = api.client()
    for _ in range(2):
        api.do(shop.query(PRODUCT))
    assert api.waited == pytest.approx(1.8)
    api.fake.on("Product", {"product": 1}, extensions=cost(150))
    api.do(shop.query(PRODUCT))
    api.do(shop.query(PRODUCT))
    assert api.waited == pytest.approx(3.6)


def test_a_long_wait_is_told_at_once(api):
    api.fake.on("Product", {"product": 1}, extensions=cost(0, rate=1))
    shop = api.client()
    api.do(shop.query(PRODUCT))
    error = api.fails(shop.query, PRODUCT)
    assert isinstance(error, RateLimitedError)
    assert "nothing was sent" in str(error)
    deaf = api.client(rate_headers="none")
    api.do(deaf.query(PRODUCT))
    assert api.do(deaf.query(PRODUCT)) == {"product": 1}


def test_what_was_throttled_waits_for_what_it_misses(api):
    replies = iter([coded("THROTTLED")])

    def answer(asked):
        error = next(replies, None)
        said = {"data": None if error else {"product": 1}, "extensions": cost(20, rate=10)}
        return FakeReply.json({**said, **({"errors": [error]} if error else {})}, 200)

    api.fake.on("Product", answer)
    assert api.do(api.client().query(PRODUCT)) == {"product": 1}
    assert api.waited == pytest.approx(8.0)


@pytest.mark.parametrize(
    "extensions",
    [
        {"cost": 3},
        {"cost": {"requestedQueryCost": True, "throttleStatus": {}}},
        cost(0, wanted=0),
        cost(0, rate=0),
        cost(-1),
        cost("many"),
    ],
)
def test_a_cost_that_makes_no_sense_says_nothing(api, extensions):
    api.fake.on("Product", {"product": 1}, extensions=extensions)
    shop = api.client()
    api.do(shop.query(PRODUCT))
    api.do(shop.query(PRODUCT))
    assert api.waited == 0.0


# Refused before anything is sent


def deep(levels):
    found = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda shop: shop.query(REFUND), "document"),
        (lambda shop: shop.mutate(PRODUCT), "document"),
        (lambda shop: shop.query("subscription { a }"), "document"),
        (lambda shop: shop.query("query A { a } query B { b }"), "operation"),
        (lambda shop: shop.query(PRODUCT, {"id": object()}), "variables"),
        (lambda shop: shop.query(PRODUCT, {"id": "x" * 5_000_000}), "variables"),
        (lambda shop: shop.query(PRODUCT, {"id": deep(64)}), "variables"),
        (lambda shop: shop.query(PRODUCT, {"id": deep(5000)}), "variables"),
        (lambda shop: shop.query(PRODUCT, headers={"Host": "x"}), "headers.Host"),
        (lambda shop: shop.query(PRODUCT, into=object), "into"),
        (lambda shop: shop.mutate(REFUND, repeat="often"), "repeat"),
        (lambda shop: shop.mutate(REFUND, idempotency_key=""), None),
    ],
)
def test_what_cannot_work_is_refused_with_nothing_sent(api, call, field):
    error = api.fails(call, api.client())
    assert isinstance(error, InvalidRequestError)
    assert field is None or error.field == field
    assert (api.attempts, api.fake.asked) == (0, [])


def test_variables_may_be_as_deep_as_they_need(api):
    api.fake.on("Product", {"product": 1})
    assert api.do(api.client().query(PRODUCT, {"id": deep(62)})) == {"product": 1}

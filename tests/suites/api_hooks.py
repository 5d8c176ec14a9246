"""What the description of the API cannot say about its requests; schemathesis loads it (tests/it/schemathesis.rs)."""

import itertools
import uuid

import schemathesis
from schemathesis import GenerationMode

KEYS = itertools.count()


def is_negative(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.NEGATIVE


@schemathesis.hook
def map_case(context, case):
    # A cursor is one that an answer had; nobody can make one up.
    if not is_negative(case) and case.query:
        case.query.pop("after", None)
    # A key is one request's.
    if not is_negative(case) and case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.UUID(int=next(KEYS)))
    # Nobody beyond this machine is called.
    if isinstance(case.body, dict) and isinstance(case.body.get("url"), str) and case.body["url"].startswith("https://"):
        case.body["url"] = "https://127.0.0.1:9/events"
    return case


@schemathesis.hook
def filter_case(context, case):
    # An empty parameter is one that a form leaves out: whatever it has to be, it is none.
    return not (is_negative(case) and case.query and "" in case.query.values())

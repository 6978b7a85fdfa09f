"""Ids that no job has, and a query that outlasts a test."""

import uuid

_MANY = "UNNEST(GENERATE_ARRAY(1, 3000))"
SLOW = f"SELECT COUNT(*) FROM {_MANY} AS a, {_MANY} AS b, {_MANY} AS c"


def fresh() -> str:
    return f"job-{uuid.uuid4().hex}"

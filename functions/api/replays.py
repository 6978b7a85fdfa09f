"""`/api/v1/pipelines/replay`: run again what failed."""

import flask

from functions.api import body
from functions.api.access import require_admin
from functions.api.acting import Caller, recorded
from functions.api.calls import ADMIN, PATH, Example, call
from shared.contracts.http.replays import Replayed, ReplayedRun, ReplayRequest
from shared.errors import NotConfirmed, RunNotFailed, RunNotFound
from shared.wiring import instance

admin = flask.Blueprint("replays", __name__, url_prefix="/api/v1/pipelines")

_RUN_ID = PATH["pipeline_logging_id"].example
EXAMPLE = Example(
    body={"run": _RUN_ID},
    answer={
        "replayed": 1,
        "runs": [
            {
                "tenant_id": "acmeinc_23xv2",
                "pipeline_logging_id": "c0a1b2c3d4e5f60718293a4b5c6d7e8f",
                "previous_run": _RUN_ID,
                "run_attempt": 2,
                "date": "2025-11-15",
            }
        ],
        "next_page_token": None,
    },
)


@admin.post("/replay")
@call(
    who=ADMIN,
    body=ReplayRequest,
    answer=Replayed,
    status=202,
    raises=(RunNotFound, RunNotFailed, NotConfirmed),
    example=EXAMPLE,
)
def replay() -> Replayed:
    """Run again what failed.

    Each run that is FAILED or DEAD is followed by its next attempt, a run of its own that names it as `previous_run`.
    202 means that Pub/Sub has confirmed all of them. The same call, made again, is the same attempts. At most 10,000 a
    call; the rest by `page_token`.
    """
    services = instance()
    require_admin(flask.request, services)
    asked = body.read(flask.request, ReplayRequest)
    subject = asked.run or asked.batch_id or asked.error_code
    if not asked.dry_run:
        recorded(Caller("admin"), "runs.replay", None, services, subject=subject, fields=sorted(asked.model_fields_set))
    done = services.replays.replay(asked)
    runs = [ReplayedRun.model_validate(run.model_dump(include=set(ReplayedRun.model_fields))) for run in done.runs]
    return Replayed(replayed=0 if asked.dry_run else len(runs), runs=runs, next_page_token=done.next)

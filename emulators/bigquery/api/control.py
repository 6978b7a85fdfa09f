"""What tests and tools ask of the embedded service itself; Google's API has no such paths.

- `GET /emulator/faults`: the fault modes that are on. `POST` with `{"mode": {"calls": 2}}` or with
  `{"mode": {"seconds": 30}}` switches modes on, `{"mode": null}` off; `DELETE` switches all off. `fault_modes` says
  which there are.
- `GET /emulator/permissions`: `{"used": [{"account", "permission", "resource", "granted", "by"}]}`, what was asked for
  since the start or the last `DELETE`, each once for each outcome; `by` is `grant` or `dataset access`, null for what
  was refused. A list that leaves out what one may not see asks for nothing.
"""

from __future__ import annotations

from emulators.bigquery.api.http import Request, Response


async def show_faults(request: Request) -> Response:
    """The modes that are on."""
    return Response(request.service.faults.shown())


async def change_faults(request: Request) -> Response:
    """Switch modes on and off."""
    request.service.faults.change(request.json())
    return await show_faults(request)


async def clear_faults(request: Request) -> Response:
    """Switch all off; what has begun ends too."""
    request.service.faults.clear()
    return await show_faults(request)


async def show_permissions(request: Request) -> Response:
    """Every permission that was asked for."""
    return Response({"used": request.service.access.uses.listed()})


async def clear_permissions(request: Request) -> Response:
    """Begin anew."""
    request.service.access.uses.clear()
    return await show_permissions(request)

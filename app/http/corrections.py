"""The routes of /admin/corrections, for admins and keys that moderate."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response

from app.domain.corrections import Correction
from app.http.admin_bodies import PREVIEW_SECONDS, DryRun, Limit, Moment, Reason, id_parser
from app.http.admin_names import named_player
from app.http.admin_presenter import moves_data
from app.http.bodies import Strict, body, no_query, query
from app.http.envelope import answer, plain, request_id
from app.http.identity import actor, container, operated
from app.http.limits import RateLimits
from app.services.moderation.selections import NamedSelection

_CORRECTIONS = "/api/v1/admin/corrections"


class CorrectionsQuery(Strict):
    """The parameters of `GET /admin/corrections`."""

    state: Literal["running", "done", "restored"] | None = None
    limit: Limit = 50
    after: Annotated[UUID | None, id_parser("a correction")] = None


class NewVoid(DryRun):
    """The body of `POST /admin/corrections`."""

    player: str | None = None
    action_type: str | None = None
    board: str | None = None
    since: Moment = None
    until: Moment = None
    reason: Reason


class NewRestore(DryRun):
    """The body of `POST /admin/corrections/{id}/restore`."""

    reason: Reason


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("corrections", __name__)

    @routes.get("/admin/corrections")
    @operated(limits, "moderate")
    def page() -> Response:
        params = query(CorrectionsQuery)
        rows = container().corrections.page(limit=params.limit + 1, state=params.state, after=params.after)
        links = None
        if len(rows) > params.limit:
            following = {**params.model_dump(exclude_none=True), "after": rows[params.limit - 1].id}
            links = {"next": f"{_CORRECTIONS}?{urlencode(following)}"}
        return answer(_data(rows[: params.limit]), links=links)

    @routes.post("/admin/corrections")
    @operated(limits, "moderate")
    def void() -> Response:
        params = body(NewVoid)
        player = None if params.player is None else str(named_player(params.player).id)
        names = NamedSelection(player, params.action_type, params.board, params.since, params.until)
        selection = container().selections.find(names)
        if params.dry_run:
            preview = container().corrections.preview(selection, limit=params.limit, seconds=PREVIEW_SECONDS)
            return answer(plain(moves_data(preview)))
        return _begun(
            container().corrections.void(selection, actor=actor(), reason=params.reason, request_id=request_id())
        )

    @routes.get("/admin/corrections/<uuid:correction_id>")
    @operated(limits, "moderate")
    def show(correction_id: UUID) -> Response:
        no_query()
        return _render(container().corrections.get(correction_id))

    @routes.post("/admin/corrections/<uuid:correction_id>/restore")
    @operated(limits, "moderate")
    def restore(correction_id: UUID) -> Response:
        params, corrections = body(NewRestore), container().corrections
        if params.dry_run:
            selection = corrections.void_to_restore(correction_id).selection
            preview = corrections.preview(
                selection, restores_id=correction_id, limit=params.limit, seconds=PREVIEW_SECONDS
            )
            return answer(plain(moves_data(preview)))
        return _begun(corrections.restore(correction_id, actor=actor(), reason=params.reason, request_id=request_id()))

    return routes


def _begun(correction_id: UUID) -> Response:
    """Work on a correction for a moment; return 201 if it is done then, else 202: the workers go on."""
    container().corrections.work_briefly(correction_id)
    correction = container().corrections.get(correction_id)
    response = _render(correction, 202 if correction.state == "running" else 201)
    response.headers["Location"] = f"{_CORRECTIONS}/{correction_id}"
    return response


def _render(correction: Correction, status: int = 200) -> Response:
    address = f"{_CORRECTIONS}/{correction.id}"
    links = {"self": address}
    if correction.kind == "void":
        links["restore"] = f"{address}/restore"
    return answer(_data([correction])[0], status, links)


def _data(corrections: list[Correction]) -> list[dict[str, object]]:
    selections = container().selections.name([correction.selection for correction in corrections])
    return [
        plain({"correction_id": correction.id, **_fields(correction), "selection": asdict(selection)})
        for correction, selection in zip(corrections, selections, strict=True)
    ]


def _fields(correction: Correction) -> dict[str, object]:
    return {name: value for name, value in asdict(correction).items() if name not in ("id", "selection")}

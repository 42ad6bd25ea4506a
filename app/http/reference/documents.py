"""The reference documents as text, each made once in a process, at the first request for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from flask import Blueprint, Response, request

from app.http.envelope import empty, text_response
from app.http.etags import is_known
from app.http.reference.asyncapi import asyncapi
from app.http.reference.openapi import openapi

routes = Blueprint("reference", __name__)
_DOCUMENTS = {"openapi": openapi, "asyncapi": asyncapi}


@dataclass(frozen=True, slots=True)
class Document:
    """A document as JSON text, and its entity tag."""

    text: str
    tag: str


@routes.get("/openapi.json")
def show_openapi() -> Response:
    """Return the description of all calls."""
    return _render(document("openapi"))


@routes.get("/asyncapi.json")
def show_asyncapi() -> Response:
    """Return the description of all messages."""
    return _render(document("asyncapi"))


@cache
def document(name: str) -> Document:
    """Return the document with this name, `openapi` or `asyncapi`."""
    text = json.dumps(_DOCUMENTS[name](), ensure_ascii=False, separators=(",", ":"))
    return Document(text, hashlib.blake2b(text.encode(), digest_size=12).hexdigest())


def _render(content: Document) -> Response:
    is_unchanged = is_known(request.headers.get("If-None-Match"), content.tag)
    response = empty(304) if is_unchanged else text_response(content.text, 200)
    response.set_etag(content.tag)
    response.headers["Cache-Control"] = "no-cache"
    return response

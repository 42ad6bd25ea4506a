"""The reference documents as text, each made once in a process, at the first request for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal

from flask import Blueprint, Response, request

from app.http.envelope import empty, text_response
from app.http.etags import is_known
from app.http.services import container

routes = Blueprint("reference", __name__)
Name = Literal["openapi", "asyncapi"]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as JSON text, and its entity tag."""

    text: str
    tag: str


@routes.get("/openapi.json")
def show_openapi() -> Response:
    """Return the description of all calls."""
    return _render("openapi")


@routes.get("/asyncapi.json")
def show_asyncapi() -> Response:
    """Return the description of all messages."""
    return _render("asyncapi")


@cache
def document(name: Name) -> Document:
    """Return the document with this name. Making it takes up to 0.3 s of CPU time."""
    # Imported here: no other request and no command needs the models of answers, whose classes take 60 ms to make.
    module = import_module(f"app.http.reference.{name}")
    content: dict[str, object] = getattr(module, name)()
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Document(text, hashlib.blake2b(text.encode(), digest_size=12).hexdigest())


def _render(name: Name) -> Response:
    content = container().run_in_thread(document, name)  # other requests do not wait for it
    is_unchanged = is_known(request.headers.get("If-None-Match"), content.tag)
    response = empty(304) if is_unchanged else text_response(content.text, 200)
    response.set_etag(content.tag)
    response.headers["Cache-Control"] = "no-cache"
    return response

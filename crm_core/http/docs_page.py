"""``/docs``: the API's reference as one page of our own, made from the OpenAPI document.

It loads nothing from anywhere: it works on a machine without a network, and no script of others runs
beside an API key.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import FastAPI

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
_STYLE = """
:root{color-scheme:light dark;--line:#8885;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem 1.5rem}
nav a{display:inline-block;margin:.1rem .8rem .1rem 0}
h2{border-bottom:1px solid var(--line);margin-top:2.5rem}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0}
summary{cursor:pointer;padding:.4rem .7rem}
details>div{padding:.2rem 1rem 1rem}
code,pre,textarea,input{font:13px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.6rem;overflow:auto;border-radius:.3rem;max-height:24rem}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1rem .15rem 0;vertical-align:top}
.m{display:inline-block;min-width:4.2rem;font-weight:700}
textarea{width:100%;min-height:6rem}input{width:30rem;max-width:100%}
"""
_SCRIPT = """
for (const form of document.querySelectorAll('form.try')) form.addEventListener('submit', async event => {
  event.preventDefault();
  const key = document.getElementById('key').value.trim();
  let path = form.dataset.path;
  for (const box of form.querySelectorAll('input[data-path]'))
    path = path.replace('{' + box.dataset.path + '}', encodeURIComponent(box.value));
  const query = form.querySelector('input[data-query]').value;
  if (query) path += '?' + query;
  const body = form.querySelector('textarea');
  const answer = await fetch(path, {method: form.dataset.method, body: body && body.value || undefined,
    headers: {Authorization: 'Bearer ' + key, 'Content-Type': 'application/json'}});
  const text = await answer.text();
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { }
  form.querySelector('pre').textContent = answer.status + ' ' + answer.statusText + '\\n' + shown;
});
"""


def install(app: FastAPI) -> None:
    """Serve the page; it is made once, from the document as it is."""

    async def docs() -> HTMLResponse:
        headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
        return HTMLResponse(page(app.openapi()), headers=headers)

    app.add_api_route("/docs", docs, include_in_schema=False)


def page(document: Mapping[str, Any]) -> str:
    """Return the whole page of an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(method, path, operation))
    title = html.escape(f"{document['info']['title']} {document['info']['version']}")
    links = "".join(f'<a href="#{_anchor(tag)}">{html.escape(tag)}</a>' for tag in groups)
    body = "".join(f'<h2 id="{_anchor(tag)}">{html.escape(tag)}</h2>{"".join(parts)}' for tag, parts in groups.items())
    schemas = "".join(_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>Every request but <code>/health</code> and this page needs an API key. "
        'The whole description for programs: <a href="/openapi.json">openapi.json</a>.</p>'
        '<p><label for="key">API key for trying requests here (kept in this page only)</label><br>'
        '<input id="key" type="password" autocomplete="off" placeholder="crm_…"></p>'
        f'<nav aria-label="Groups">{links}<a href="#schemas">schemas</a></nav>{body}'
        f'<h2 id="schemas">schemas</h2>{schemas}<script>{_SCRIPT}</script></html>'
    )


def _anchor(tag: str) -> str:
    return html.escape(tag.replace(" ", "-"))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    shown = html.escape(path)
    return (
        f'<details><summary><span class="m">{method.upper()}</span><code>{shown}</code> '
        f"{html.escape(operation.get('summary', ''))}</summary><div>{_parameters(parameters)}{_bodies(operation)}"
        f"{_form(method, path, parameters, operation)}</div></details>"
    )


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(each['name'])}</code></td><td>{html.escape(each['in'])}</td>"
        f"<td>{html.escape(each.get('description', ''))}</td></tr>"
        for each in parameters
    )
    return f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>" if rows else ""


def _bodies(operation: Mapping[str, Any]) -> str:
    parts = []
    request = operation.get("requestBody")
    if request:
        parts.append(f"<p>Request: {_named(request['content'])}</p>")
    for status, response in operation.get("responses", {}).items():
        content = response.get("content")
        answer = _named(content) if content else html.escape(response.get("description", ""))
        parts.append(f"<p>{html.escape(status)}: {answer}</p>")
    return "".join(parts)


def _named(content: Mapping[str, Any]) -> str:
    schema = next(iter(content.values())).get("schema", {})
    reference = schema.get("$ref")
    if reference:
        name = html.escape(reference.rsplit("/", 1)[-1])
        return f'<a href="#schema-{name}">{name}</a>'
    return f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre>"


def _form(method: str, path: str, parameters: Iterable[Mapping[str, Any]], operation: Mapping[str, Any]) -> str:
    names = [html.escape(each["name"]) for each in parameters if each["in"] == "path"]
    boxes = "".join(f'<p><label>{name}<br><input data-path="{name}"></label></p>' for name in names)
    body = "<p><label>body (JSON)<br><textarea>{}</textarea></label></p>" if "requestBody" in operation else ""
    query = '<p><label>query<br><input data-query placeholder="name[contains]=acme&amp;sort=-created_at"></label></p>'
    return (
        f'<form class="try" data-method="{method.upper()}" data-path="{html.escape(path)}">{boxes}{query}{body}'
        '<p><button>Send</button></p><pre aria-live="polite"></pre></form>'
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    shown = html.escape(name)
    text = html.escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return f'<details id="schema-{shown}"><summary><code>{shown}</code></summary><div><pre>{text}</pre></div></details>'

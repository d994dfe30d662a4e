"""Renders chat templates with Jinja2 under the settings that transformers uses; the reference for our interpreter.

Reads JSON lines {"template": text, "variables": {...}, "clock": ISO time} on stdin; writes one JSON line each:
{"text": ..., "generation": [[begin, end], ...]} in bytes, or {"error": ...}.
"""
import datetime
import json
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller):
        return caller()


def environment(base, clock):
    env = base(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.filters["from_json"] = json.loads
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = clock.strftime
    return env


def render(job):
    clock = datetime.datetime.fromisoformat(job["clock"])
    try:
        return environment(ImmutableSandboxedEnvironment, clock).from_string(job["template"]).render(**job["variables"])
    except jinja2.exceptions.SecurityError:
        # Retort lets a template change the lists it made itself; so does the sandbox without immutability.
        return environment(SandboxedEnvironment, clock).from_string(job["template"]).render(**job["variables"])


for line in sys.stdin:
    try:
        answer = {"text": render(json.loads(line))}
    except Exception as error:  # every failure of the reference counts as "raises"
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)

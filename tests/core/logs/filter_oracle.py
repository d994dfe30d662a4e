# A second reading of filters, written apart from the program under test: parses filter text and tries every record of a JSON-lines file.
# usage: filter_oracle.py RECORDS FILTERS  ->  one line a filter: the numbers of the lines that pass, apart by blanks
import datetime
import json
import re
import sys

WORDS = {"and", "or", "not", "in", "between", "contains", "prefix", "regex", "exists", "missing"}
TOKEN = re.compile(r'\s*(?:(?P<name>@?[A-Za-z_][\w.-]*)|(?P<tick>`(?:[^`]|``)+`)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<num>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<sym><=|>=|!=|[=<>(),]))')


def tokens(text):
    at, out = 0, []
    text = text.rstrip()
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise ValueError(f"no token at {at}: {text}")
        kind = m.lastgroup
        value = m.group(kind)
        if kind == "tick":
            kind, value = "key", value[1:-1].replace("``", "`")
        elif kind == "name" and value.lower() in WORDS and not value.startswith("@"):
            kind = "word"
            value = value.lower()
        elif kind == "name":
            kind = "key"
        elif kind == "text":
            value = json.loads(value)
        out.append((kind, value))
        at = m.end()
    return out


class Parser:
    """Gives a function of (record, differs)."""

    def __init__(self, text):
        self.list, self.at, self.differs = tokens(text), 0, True

    def peek(self, kind, value=None):
        if self.at >= len(self.list):
            return False
        k, v = self.list[self.at]
        return k == kind and (value is None or v == value)

    def take(self):
        self.at += 1
        return self.list[self.at - 1]

    def whole(self):
        test = (lambda r, d: True) if not self.list or self.peek("word", "missing") else self.any()
        if self.peek("word", "missing"):
            self.take(), self.take()
            self.differs = self.take()[1] == "differs"
            self.take()
        if self.at != len(self.list):
            raise ValueError("rest behind the filter")
        return lambda r: test(r, self.differs)

    def any(self):
        parts = [self.all()]
        while self.peek("word", "or"):
            self.take()
            parts.append(self.all())
        return lambda r, d: any(p(r, d) for p in parts)

    def all(self):
        parts = [self.one()]
        while self.peek("word", "and"):
            self.take()
            parts.append(self.one())
        return lambda r, d: all(p(r, d) for p in parts)

    def one(self):
        if self.peek("word", "not"):
            self.take()
            inner = self.one()
            return lambda r, d: not inner(r, d)
        if self.peek("sym", "("):
            self.take()
            inner = self.any()
            self.take()
            return inner
        if self.peek("word", "exists"):
            self.take(), self.take()
            field = self.take()[1]
            self.take()
            return lambda r, d: len(r.get(field)) > 0
        field = self.take()[1]
        op = self.take()[1]
        values = []
        if op == "in":
            self.take()
            while True:
                values.append(self.take()[1])
                if self.take()[1] == ")":
                    break
        else:
            values.append(self.take()[1])
            if op == "between":
                self.take()
                values.append(self.take()[1])
        return tester(field, op, values)


def decimal(text):
    return float(text) if re.fullmatch(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text) else None


NUMBERS = {"@input_tokens", "@output_tokens", "@cached_tokens", "@latency", "@turns"}


def tester(field, op, values):
    if field in NUMBERS:
        read = lambda v: float(v)
        wanted = [float(v) for v in values]
    elif field == "@time":
        read = lambda v: v
        wanted = [moment(v) for v in values]
    elif op in ("<", "<=", ">", ">=", "between"):
        read = decimal
        wanted = [float(v) for v in values]
    else:
        read = lambda v: v
        wanted = values
    pattern = re.compile(values[0]) if op == "regex" else None
    tests = {
        "=": lambda v: v == wanted[0], "!=": lambda v: v == wanted[0], "<": lambda v: v < wanted[0], "<=": lambda v: v <= wanted[0],
        ">": lambda v: v > wanted[0], ">=": lambda v: v >= wanted[0], "between": lambda v: wanted[0] <= v <= wanted[1], "in": lambda v: v in wanted,
        "contains": lambda v: wanted[0] in v, "prefix": lambda v: v.startswith(wanted[0]), "regex": lambda v: pattern.search(v) is not None,
    }[op]

    def run(record, differs):
        there = record.get(field)
        hit = any(tests(x) for x in map(read, there) if x is not None)
        if op != "!=":
            return hit
        return not hit if there else differs

    return run


def moment(text):
    if "T" not in text:
        text += "T00:00:00+00:00"
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Record:
    """The values of every field of one line, as lists; an absent field is an empty list."""

    def __init__(self, line):
        self.doubled = False

        def members(pairs):
            names = [k for k, _ in pairs]
            self.doubled = self.doubled or len(set(names)) < len(names)
            return dict(pairs)

        r = json.loads(line, object_pairs_hook=members)
        self.meta = r.get("requestMetadata", {})
        body = r.get("input", {}).get("inputBodyJson", {})
        answer = r.get("output", {}).get("outputBodyJson", {})
        failed = "errorCode" in r
        count = lambda side, *names: [sum(r[side].get(n, 0) for n in names)] if side in r and names[0] in r[side] else []
        stop = {"end_turn": "stop", "max_tokens": "length"}.get(answer.get("stopReason"))
        texts = ["".join(p["text"] for p in m["content"]) for m in body.get("messages", [])]
        texts += ["".join(p["text"] for p in answer["output"]["message"]["content"])] if answer else []
        flags = ["dup_keys"] * self.doubled + ["no_time"] * ("timestamp" not in r) + ["no_answer"] * (not answer)
        one = lambda v: [] if v in (None, "") else [v]
        self.fields = {
            "@time": [moment(r["timestamp"])] if "timestamp" in r else [], "@model": [re.sub(r"^us\.", "", r["modelId"])], "@model.raw": [r["modelId"]],
            "@op": one(r.get("operation")), "@region": one(r.get("region")), "@status": ["error" if failed else "ok"], "@stop": one(stop),
            "@error": one(r.get("errorCode")), "@source": ["bedrock"], "@flags": flags,
            "@input_tokens": count("input", "inputTokenCount", "cacheReadInputTokenCount"), "@cached_tokens": count("input", "cacheReadInputTokenCount"),
            "@output_tokens": count("output", "outputTokenCount"), "@latency": one(answer.get("metrics", {}).get("latencyMs")),
            "@turns": [sum(m["role"] == "user" for m in body.get("messages", []))], "@text": one("\n".join(texts)),
        }

    def get(self, field):
        if field.startswith("@"):
            return self.fields.get(field, [])
        return [self.meta[field]] if field in self.meta else []


records = [Record(line) for line in open(sys.argv[1], encoding="utf-8").read().split("\n") if line]
for text in open(sys.argv[2], encoding="utf-8").read().split("\n")[:-1]:
    passes = Parser(json.loads(text)).whole()
    print(*[i for i, record in enumerate(records) if passes(record)])

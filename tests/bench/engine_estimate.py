# The estimator against measured runs: 12 configurations of three steps each, peak memory before the start and as it was.
# Use: engine_estimate.py BIN MODEL.gguf [NUMBER…]   (BIN holds retort-cli and retort-worker)
import json, pathlib, subprocess, sys, tempfile

BIN, MODEL = pathlib.Path(sys.argv[1]), sys.argv[2]
WANTED = [int(n) for n in sys.argv[3:]]
# number, tuning, layers kept, method, source, rows a step, tokens a row, activation checkpointing
CASES = [
    (1, "full", 30, "sft", "", 4, 256, False), (2, "full", 15, "logit-kd", "live", 4, 128, False), (3, "full", 15, "logit-kd", "cached", 8, 128, False),
    (4, "full", 15, "dpo", "", 4, 128, False), (5, "lora", 30, "sft", "", 8, 256, False), (6, "lora", 15, "logit-kd", "live", 4, 256, False),
    (7, "lora", 15, "on-policy-kd", "live", 8, 96, False), (8, "lora", 30, "dpo", "", 4, 256, False), (9, "qlora", 30, "sft", "", 4, 256, False),
    (10, "qlora", 15, "logit-kd", "live", 8, 128, False), (11, "qlora", 30, "dpo", "", 4, 128, False), (12, "qlora", 30, "sft", "", 8, 512, True),
]


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{words[0]} {words[1]}: {done.stderr[-800:]}")
    return done.stdout


def dataset(folder, tokens):
    folder.mkdir(parents=True)
    words = [w for w in "the cat sat on a mat and saw one small red house by the sea while it rained all day".split()]
    def text(n, seed):
        return " ".join(words[(seed * 7 + i * (3 + seed % 5)) % len(words)] for i in range(n))
    rows = []
    for i in range(32):
        half = max(4, (tokens - 30) // 2)
        rows.append({"id": f"r{i}", "group": f"r{i}", "messages": [{"role": "user", "content": text(half, i)}], "tools": None,
                     "target": {"role": "assistant", "content": text(half, i + 40)}, "rejected": {"role": "assistant", "content": text(half, i + 90)},
                     "source": {"file": "bench", "line": i}, "teacher": "", "golden": False, "weight": 1})
    for name, some in (("train", rows), ("validation", rows[:2])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in some))
    (folder / "card.json").write_text(json.dumps({"schema": "retort.dataset/1", "name": folder.name, "sha256": "b" * 64}))


with tempfile.TemporaryDirectory() as place:
    root = pathlib.Path(place)
    print("| # | configuration | estimated, MB | measured, MB | difference |\n|---|---|---|---|---|")
    for number, tuning, layers, method, source, rows, tokens, saves in CASES:
        if WANTED and number not in WANTED:
            continue
        data = root / f"data{number}"
        dataset(data, tokens)
        reference = {"model": "SmolLM2-135M", "path": MODEL, "sha256": ""}
        loss = {"divergence": "forward-kl", "kd_weight": 1.0, "source": source or "cached", "top_k": 64}
        if method == "on-policy-kd":
            loss["divergence"] = "reverse-kl"
        one = {"kind": method, "steps": 3, "learning_rate": 1e-4, "loss": loss}
        if method == "on-policy-kd":
            one["on_policy"] = {"max_tokens": 48, "rules": "warn"}
        spec = {"schema": "retort.run/1", "name": f"case {number}",
                "student": dict(reference, tuning=tuning, layers=[] if layers == 30 else list(range(0, 30, 2)), lora={"rank": 16}),
                "teachers": [dict(reference)] if source else [], "methods": [one],
                "data": {"dataset": "d", "path": str(data), "sha256": "b" * 64, "max_tokens": 2048},
                "train": {"batch_rows": rows, "micro_tokens": int(rows * tokens * 2.2), "checkpoint_every": 0, "activation_checkpointing": saves},
                "eval": {"every": 0, "rows": 0, "samples": 0}, "device": "cpu", "threads": 2}
        folder = root / f"run{number}"
        folder.mkdir()
        (folder / "spec.json").write_text(json.dumps(spec))
        estimate = json.loads(run(BIN / "retort-cli", "--json", "run", "estimate", folder / "spec.json"))
        run(BIN / "retort-worker", "train", folder)
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        peak = max(e["peak_bytes"] for e in events if e["type"] == "metric")
        guess = estimate["memory_total"]
        parts = ", ".join(f"{k} {v / 1e6:.0f}" for k, v in estimate["memory"].items() if v)
        print(f"| {number} | {tuning}, {layers} layers, {method}{' ' + source if source else ''}, {rows} × {tokens}{', checkpointing' if saves else ''} | "
              f"{guess / 1e6:.0f} | {peak / 1e6:.0f} | {100 * (guess / peak - 1):+.1f} % |", flush=True)
        print(f"    {parts}", file=sys.stderr, flush=True)
        subprocess.run(["rm", "-rf", str(folder), str(data)])

# Decoding and prefill at batch 1 against llama.cpp on the same GGUF file: interleaved pairs, medians, both with the same threads.
# Use: engine_decode.py BIN MODEL.gguf [PAIRS] [THREADS]
import json, os, statistics, subprocess, sys, time

BIN, MODEL = sys.argv[1], sys.argv[2]
PAIRS = int(sys.argv[3]) if len(sys.argv) > 3 else 7
THREADS = int(sys.argv[4]) if len(sys.argv) > 4 else 2
PROMPT, NEW = 512, 96
IDS = [1 + (i * 7919) % 40000 for i in range(PROMPT)]


class Ours:
    def __init__(self, dtype):
        self.process = subprocess.Popen([f"{BIN}/retort-worker", "rpc", MODEL, "--dtype", dtype, "--threads", str(THREADS), "--device", "cpu"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.process.stdin.write('{"rpc":1,"program":"bench"}\n')
        self.process.stdin.flush()
        self.process.stdout.readline()
        self.count = 0

    def once(self, length, new):
        self.count += 1
        request = {"id": self.count, "method": "generate", "params": {"prompts": [{"ids": IDS[:length]}], "max_tokens": new, "temperature": 1.0, "seed": self.count}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            if "result" in answer:
                out = answer["result"]["outputs"][0]
                return len(out["ids"]), out["ttft_ms"] / 1000, out["total_ms"] / 1000

    def figures(self):
        _, first, _ = self.once(PROMPT, 1)
        best = 0
        for _ in range(2):                       # a sampled answer may end early: the longer one counts
            n, begin, total = self.once(16, NEW)
            if n > 8:
                best = max(best, (n - 1) / (total - begin))
        return PROMPT / first, best


class Llama:
    def __init__(self):
        import xllamacpp as xlc
        p = xlc.CommonParams()
        p.model.path = MODEL
        p.n_ctx = 1024
        p.n_parallel = 1
        p.warmup = True
        p.cpuparams.n_threads = THREADS
        p.cpuparams_batch.n_threads = THREADS
        self.server = xlc.Server(p)

    def figures(self):
        body = {"prompt": IDS, "n_predict": 1, "temperature": 0, "cache_prompt": False, "timings_per_token": True}
        prefill = self.server.handle_completions(body)
        body = {"prompt": IDS[:16], "n_predict": NEW, "temperature": 1.0, "ignore_eos": True, "cache_prompt": False}
        decode = self.server.handle_completions(body)
        return prefill["timings"]["prompt_per_second"], decode["timings"]["predicted_per_second"]


peer = Llama()
ours = {d: Ours(d) for d in ("int4", "int8", "bf16")}
rows = {name: [] for name in ["llama.cpp", *ours]}
for pair in range(PAIRS + 1):
    got = {"llama.cpp": peer.figures(), **{d: o.figures() for d, o in ours.items()}}
    if pair > 0:                                 # the first warms up
        for name, value in got.items():
            rows[name].append(value)
reference = [statistics.median(v[i] for v in rows["llama.cpp"]) for i in (0, 1)]
print(f"threads {THREADS}, {PAIRS} pairs, load {os.getloadavg()[0]:.1f}\n| | prefill {PROMPT}, tok/s | decode, tok/s | prefill ratio | decode ratio |\n|---|---|---|---|---|")
for name, values in rows.items():
    m = [statistics.median(v[i] for v in values) for i in (0, 1)]
    ratios = [statistics.median(v[i] / r[i] for v, r in zip(values, rows["llama.cpp"])) for i in (0, 1)]
    print(f"| {name} | {m[0]:.0f} | {m[1]:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")

#!/usr/bin/env python3
"""Import of generated logs beside DuckDB's CREATE TABLE AS from the same file: CPU, wall less run-queue wait, peak memory, size.

    tests/bench/import.py [--bin build/release/bin] [--records 400000] [--rounds 3] [--gz]

Each round runs both programs one after the other; the least CPU of each counts. DuckDB is taken from .deps/python (pip install duckdb-cli) or PATH.
A busy machine makes wall times long: `wall` less `waited` (time that runnable threads spent in the run queue, divided by the cores) tells what an
idle one would need; `both cores` is CPU divided by two."""
import argparse, os, shutil, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser()
here = os.path.dirname(os.path.abspath(__file__))
source = os.path.dirname(os.path.dirname(here))
parser.add_argument("--bin", default=os.path.join(source, "build/release/bin"))
parser.add_argument("--records", type=int, default=400000)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--gz", action="store_true", help="a packed source")
parser.add_argument("--keep", help="folder for the generated file, kept between calls")
args = parser.parse_args()


def threads_wait(pid):
    """Seconds that all threads of a process were runnable and not run."""
    total = 0.0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def measure(command, env=None):
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    waited = 0.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        waited = max(waited, threads_wait(process.pid))
        time.sleep(0.02)
    wall = time.monotonic() - start
    if status != 0:
        sys.stderr.write(process.stderr.read().decode(errors="replace"))
        sys.exit(f"{command[0]} ended with status {status}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "waited": waited, "rss": usage.ru_maxrss * 1024}


cli = os.path.join(args.bin, "retort-cli")
duckdb = next((p for p in (os.path.join(source, ".deps/python/bin/duckdb"), shutil.which("duckdb")) if p and os.path.exists(p)), None)
with tempfile.TemporaryDirectory() as work:
    folder = args.keep or work
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, f"load-{args.records}.jsonl")
    if not os.path.exists(name):
        subprocess.run([cli, "--quiet", "logs", "generate", name, "--records", str(args.records), "--seed", "1", "--world", "load"], check=True)
    raw = os.path.getsize(name)
    data = name
    if args.gz:
        data = name + ".gz"
        if not os.path.exists(data):
            with open(data, "wb") as f:
                subprocess.run(["gzip", "-c", "-6", name], stdout=f, check=True)
    runs = {"retort": [], "duckdb": []}
    sizes = {}
    for number in range(args.rounds):
        space = os.path.join(work, f"w{number}")
        subprocess.run([cli, "--quiet", "init", space], check=True, stdout=subprocess.DEVNULL)
        with open(data, "rb") as f:   # into the page cache, for both
            while f.read(1 << 24):
                pass
        runs["retort"].append(measure([cli, "--quiet", "-w", space, "logs", "import", "--no-derive", data]))
        parts = [os.path.join(space, name) for name in ("logs.db", "logs.index")]   # only large stores have the second
        sizes["retort"] = sum(os.path.getsize(part) for part in parts if os.path.exists(part))
        shutil.rmtree(space)
        if duckdb:
            target = os.path.join(work, "duck.db")
            sql = f"SET threads=2; CREATE TABLE log AS SELECT * FROM read_json('{data}', format='newline_delimited', maximum_object_size=67108864)"
            runs["duckdb"].append(measure([duckdb, target, "-c", sql]))
            sizes["duckdb"] = os.path.getsize(target)
            os.remove(target)

print(f"{args.records:,} records, {raw / 1e6:,.0f} MB of raw JSON{' (gzip source)' if args.gz else ''}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
print("| | CPU s | MB / CPU s | both cores, MB/s | wall s | waited s | peak MB | size / raw |\n|---|---|---|---|---|---|---|---|")
best = {}
for who, all_runs in runs.items():
    if not all_runs:
        continue
    best[who] = b = min(all_runs, key=lambda r: r["cpu"])
    print(f"| {who} | {b['cpu']:.2f} | {raw / 1e6 / b['cpu']:.0f} | {2 * raw / 1e6 / b['cpu']:.0f} | {b['wall']:.2f} | {b['waited']:.2f} | {b['rss'] / 1e6:.0f} | {sizes[who] / raw:.3f} |")
if len(best) == 2:
    print(f"\nCPU ratio {best['retort']['cpu'] / best['duckdb']['cpu']:.2f}, memory ratio {best['retort']['rss'] / best['duckdb']['rss']:.2f}")
else:
    print("\nDuckDB was not found: pip install duckdb-cli into .deps/python")

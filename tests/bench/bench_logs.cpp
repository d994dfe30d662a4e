// Figures of an opened log store: counts, ids, facets, jumps, memory. usage: bench_logs WORKSPACE [ROUNDS]
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "logs/id_order.h"
#include "logs/log_store.h"

using namespace retort;
using namespace retort::logs;

namespace {

double rssAnonMb() {
  std::ifstream in("/proc/self/status");
  std::string word;
  while (in >> word)
    if (word == "RssAnon:") {
      double kib = 0;
      in >> kib;
      return kib * 1024 / 1e6;
    }
  return 0;
}

/// This thread's own time: on a machine that others use, wall time says how busy they are.
double cpuMs() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

struct Times {
  std::vector<double> wall, cpu;
};

template <typename F>
Times timed(int rounds, F&& work) {
  Times times;
  for (int i = 0; i < rounds; ++i) {
    const double began = monotonicSeconds(), cpu = cpuMs();
    work(i);
    times.wall.push_back((monotonicSeconds() - began) * 1000);
    times.cpu.push_back(cpuMs() - cpu);
  }
  std::sort(times.wall.begin(), times.wall.end());
  std::sort(times.cpu.begin(), times.cpu.end());
  return times;
}

void show(const char* what, const Times& t, const std::string& more = {}) {
  const auto p99 = [](const std::vector<double>& v) { return v[std::min(v.size() - 1, v.size() * 99 / 100)]; };
  std::printf("%-42s wall min %7.2f p50 %7.2f p99 %7.2f   CPU p50 %7.2f p99 %7.2f ms  %s\n", what, t.wall.front(), t.wall[t.wall.size() / 2], p99(t.wall), t.cpu[t.cpu.size() / 2], p99(t.cpu), more.c_str());
  std::fflush(stdout);
}

/// Drops a file from the page cache, so that reads are cold.
void makeCold(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0) return;
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::printf("usage: bench_logs WORKSPACE [ROUNDS]\n"), 2;
  const std::string db = std::string(argv[1]) + "/logs.db";
  const int rounds = argc > 2 ? std::max(3, std::atoi(argv[2])) : 30;
  const double began = monotonicSeconds();
  const auto opened = LogStore::open(db);
  if (!opened.ok()) return std::printf("%s\n", opened.error().text().c_str()), 1;
  const LogStore& store = **opened;
  std::printf("%llu records, opened in %.0f ms, RssAnon %.0f MB\n", static_cast<unsigned long long>(store.size()), (monotonicSeconds() - began) * 1000, rssAnonMb());
  const char* const sixteen =
      "env = \"prod\" and app != \"app-1\" and app != \"app-2\" and not task = \"task-3\" and not task = \"task-4\" and tier in (\"free\", \"pro\", \"enterprise\") and "
      "promptVersion != \"v11\" and promptVersion != \"v30\" and tenant != \"tenant-1\" and tenant != \"tenant-2\" and (experiment != \"exp-1\" or app = \"app-3\") and "
      "not experiment in (\"exp-13\", \"exp-42\") and exists(tenant) and exists(app) and task != \"task-9\"";
  const char* const narrow = "env = \"prod\" and app = \"app-1\" and task = \"task-3\" and tier = \"free\" and promptVersion = \"v1\"";
  const char* const ranges = "env = \"prod\" and @input_tokens between 200 and 600 and @output_tokens > 40 and not @input_tokens = 300 and @time between \"2026-06-01\" and \"2027-12-01\"";
  for (const auto& [name, text] : {std::pair{"count, 16 metadata clauses", sixteen}, {"count, 5 equalities", narrow}, {"count, one broad clause", "env = \"prod\""},
                                   {"count, with four numeric ranges", ranges}, {"count, 16 alternatives", "app in (\"app-0\",\"app-1\",\"app-2\",\"app-3\",\"app-4\",\"app-5\",\"app-6\",\"app-7\") or task in (\"task-0\",\"task-1\",\"task-2\",\"task-3\",\"task-4\",\"task-5\",\"task-6\",\"task-7\")"}}) {
    const auto filter = parseFilter(text);
    if (!filter.ok()) return std::printf("%s\n", filter.error().text().c_str()), 1;
    std::uint64_t n = 0;
    const auto times = timed(rounds, [&](int) { n = *store.count(*filter); });
    show(name, times, std::to_string(n) + " records");
  }
  const auto broad = *parseFilter(sixteen);
  show("ids, 16 metadata clauses", timed(rounds, [&](int) { (void)store.ids(broad); }));
  show("ids, one broad clause", timed(rounds, [&](int) { (void)store.ids(*parseFilter("env = \"prod\"")); }));
  for (const char* key : {"app", "tenant", "experiment", "promptVersion"})
    show((std::string("facet of ") + key + ", under 16 clauses").c_str(), timed(rounds, [&](int) { (void)store.facets(broad, {key}); }));
  show("facets of all keys, under 16 clauses", timed(std::max(3, rounds / 3), [&](int) { (void)store.facets(broad); }));
  show("facets of all keys, no filter", timed(std::max(3, rounds / 3), [&](int) { (void)store.facets({}); }));
  Random random(7);
  const auto all = *store.ids({});
  const auto jump = [&](int) {
    const auto id = all[random.below(all.size())];
    (void)store.row(id);
    (void)store.record(id);
  };
  makeCold(db);
  show("random row and detail, cold", timed(300, [&](int i) {
         if (i % 50 == 0) makeCold(db);
         jump(i);
       }));
  show("random row and detail, warm", timed(300, jump));
  show("sort all by time, descending", timed(3, [&](int) { (void)sortedIds(store, all, "@time", true); }));
  show("sort all by input tokens", timed(3, [&](int) { (void)sortedIds(store, all, "@input_tokens", false); }));
  show("sort all by tenant", timed(3, [&](int) { (void)sortedIds(store, all, "tenant", false); }));
  const auto span = store.timeRange().value_or(std::pair<std::int64_t, std::int64_t>{0, 1});
  show("histogram of time, 200 bars", timed(rounds, [&](int) { (void)timeHistogram(store, store.universe(), span.first, span.second + 1, 200); }));
  const auto changed = timed(rounds, [&](int) { (void)(*opened)->refresh(); });
  show("refresh without a change", changed);
  std::printf("RssAnon at the end %.0f MB\n", rssAnonMb());
  return 0;
}

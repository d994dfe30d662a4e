// Searching texts against what it cannot do without: unpacking the blocks, and PCRE2 over the decoded texts. usage: bench_search WORKSPACE [ROUNDS]
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "logs/log_schema.h"
#include "logs/search.h"
#include "logs/text_test.h"
#include "store/block_codec.h"
#include "store/database.h"

using namespace retort;
using namespace retort::logs;

namespace {

/// Of all threads together.
double cpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Cost {
  double cpu = 1e9, wall = 1e9;
  void take(double beganCpu, double beganWall) {
    cpu = std::min(cpu, cpuSeconds() - beganCpu);
    wall = std::min(wall, monotonicSeconds() - beganWall);
  }
};

template <typename F>
void measure(Cost& cost, F&& work) {
  const double cpu = cpuSeconds(), wall = monotonicSeconds();
  work();
  cost.take(cpu, wall);
}

/// `work(i)` for i below `n` on as many threads as a search has.
template <typename F>
void onAllCores(std::size_t n, F&& work) {
  const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16);
  std::vector<std::jthread> pool;
  for (std::size_t t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      auto state = work.begin();
      for (std::size_t i = t; i < n; i += threads) work(state, i);
    });
}

struct Frame {
  std::string bytes;
  std::uint64_t rawLength;
  const store::BlockDictionary* dictionary;
};

/// Every block as packed: the peer's reading of the database is not counted against it.
struct Unpack {
  const std::vector<Frame>& frames;
  [[nodiscard]] std::string begin() const { return {}; }
  void operator()(std::string& buffer, std::size_t i) const {
    std::string_view raw;
    if (!store::decodeBlockInto(frames[i].bytes, frames[i].rawLength, frames[i].dictionary, buffer, raw).ok()) std::abort();
  }
};

/// PCRE2 with JIT as PCRE2's own documentation says it is fastest; the texts lie ready in memory.
struct Regex {
  std::string_view expression;
  const std::vector<std::string>& texts;
  struct State {
    pcre2_code* code;
    pcre2_match_data* data;
    std::uint64_t hits;
    ~State() { pcre2_match_data_free(data), pcre2_code_free(code); }
  };
  [[nodiscard]] State begin() const {
    int error = 0;
    PCRE2_SIZE at = 0;
    auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), PCRE2_UTF, &error, &at, nullptr);
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return {code, pcre2_match_data_create_from_pattern(code, nullptr), 0};
  }
  void operator()(State& state, std::size_t i) const {
    state.hits += pcre2_match(state.code, reinterpret_cast<PCRE2_SPTR>(texts[i].data()), texts[i].size(), 0, PCRE2_NO_UTF_CHECK, state.data, nullptr) > 0;
  }
};

std::vector<Frame> framesOf(const std::string& path, std::vector<std::shared_ptr<const store::BlockDictionary>>& dictionaries) {
  auto db = store::Database::open(path, logsOpenOptions(store::OpenOptions::Mode::readOnly));
  std::vector<Frame> frames;
  auto query = db->prepare("SELECT blk.b,raw_len,codec,dict.b FROM blk LEFT JOIN dict ON dict.id=codec-" + std::to_string(kDictCodec) + " ORDER BY blk.id");
  while (*query->step()) {
    const bool hasOne = query->integer(2) >= kDictCodec;
    if (hasOne && (dictionaries.empty() || dictionaries.back()->bytes() != query->blob(3))) dictionaries.push_back(*store::BlockDictionary::create(std::string(query->blob(3))));
    frames.push_back({std::string(query->blob(0)), static_cast<std::uint64_t>(query->integer(1)), hasOne ? dictionaries.back().get() : nullptr});
  }
  return frames;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::printf("usage: bench_search WORKSPACE [ROUNDS]\n"), 2;
  const std::string path = std::string(argv[1]) + "/logs.db";
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const auto opened = LogStore::open(path);
  if (!opened.ok()) return std::printf("%s\n", opened.error().text().c_str()), 1;
  const LogStore& store = **opened;
  std::vector<std::shared_ptr<const store::BlockDictionary>> dictionaries;
  const auto frames = framesOf(path, dictionaries);
  std::uint64_t raw = 0, decoded = 0;
  for (const auto& frame : frames) raw += frame.rawLength;
  std::vector<std::string> texts;
  DecodedText text;
  (void)store.forEachCall(store.universe(), {}, [&](std::uint32_t, Call& call, std::string_view) -> Result<bool> {
    text.read(call);
    decoded += text.text().size();
    texts.emplace_back(text.text());
    return true;
  });
  std::printf("%llu records, %.0f MB, of it texts %.0f MB\n%-26s %9s %8s %8s %8s | %7s %7s %6s | %7s %9s %7s\n", static_cast<unsigned long long>(store.size()), static_cast<double>(raw) / 1e6,
              static_cast<double>(decoded) / 1e6, "", "hits", "unpack", "pcre2", "search", "ratio", "of wall", "limit", "wall ms", "first ms", "stop ms");
  int worst = 0;
  struct Case {
    const char* typed;
    enum Kind { text, literal, other } kind;
  };
  for (const auto& [typed, kind] : {Case{"refund", Case::text}, {"lurviszis \"cöhan", Case::text}, {"tronfan", Case::text}, {"/zebra[a-z]+ [a-z]/", Case::literal}, {"/refund [0-9]+/", Case::literal},
                                    {"/user.*refund/", Case::other}, {"/(?i)refund|cancel|complain/", Case::other}, {"/\\b[a-z]+ing\\b/", Case::other}, {"/[a-z]{18,}/", Case::other}, {"/[0-9]{5,}/", Case::other}}) {
    std::string pattern;
    const auto options = searchOptionsOf(typed, pattern);
    Cost unpack, regex, search, first, stop;
    std::uint64_t hits = 0;
    for (int round = 0; round < rounds; ++round) {
      measure(unpack, [&] { onAllCores(frames.size(), Unpack{frames}); });
      if (options.isRegex) measure(regex, [&] { onAllCores(texts.size(), Regex{pattern, texts}); });
      else regex.cpu = regex.wall = 0;
      measure(search, [&] {
        const auto found = searchText(store, {}, pattern, options, [](const SearchHit&) { return true; });
        if (!found.ok()) std::abort();
        hits = found->hits;
      });
      measure(first, [&] { (void)searchText(store, {}, pattern, options, [](const SearchHit&) { return false; }); });
      std::stop_source source;
      double asked = 0;
      std::jthread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
        asked = monotonicSeconds();
        source.request_stop();
      });
      (void)searchText(store, {}, pattern, options, [](const SearchHit&) { return true; }, source.get_token());
      const double ended = monotonicSeconds();
      other.join();
      stop.wall = std::min(stop.wall, std::max(0.0, ended - asked));
    }
    const bool isOther = kind == Case::other;
    const double limit = isOther ? 1.15 : 1.5, ratio = search.cpu / (unpack.cpu + (isOther ? regex.cpu : 0)), ofWall = search.wall / (unpack.wall + (isOther ? regex.wall : 0));
    std::printf("%-26s %9llu %8.3f %8.3f %8.3f | %7.2f %7.2f %6.2f | %7.0f %9.1f %7.1f%s\n", typed, static_cast<unsigned long long>(hits), unpack.cpu, regex.cpu, search.cpu, ratio, ofWall, limit, search.wall * 1e3,
                hits ? first.wall * 1e3 : 0.0, stop.wall * 1e3, ratio > limit ? "  missed" : "");
    std::fflush(stdout);
    if (ratio > limit || (hits && first.wall > 0.1) || stop.wall > 0.1) worst = 1;
  }
  return worst;
}

// Tables over the records of a filter: sums, costs, errors, latencies and repeats by keys and days; and which families are worth distilling.
#pragma once
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "logs/filter.h"
#include "logs/log_store.h"

namespace retort::logs {

struct StatsRow {
  std::vector<std::string> values;             ///< of the keys asked for, "(missing)" where there is none; then the day, if asked for
  std::uint64_t records = 0, errors = 0;
  std::int64_t inputTokens = 0, cachedTokens = 0, outputTokens = 0;
  std::uint64_t tokensKnown = 0;               ///< records that say their tokens
  double cost = 0;                             ///< US dollars, of the records whose price is known
  std::uint64_t costKnown = 0;
  std::optional<std::int64_t> p50LatencyMs, p95LatencyMs;   ///< of the records that say it
  std::uint64_t latencyKnown = 0;
  std::uint64_t repeats = 0;                   ///< exact repeats of an earlier prompt
};

struct StatsOptions {
  std::vector<std::string> keys;               ///< metadata keys or "@model" …, at most 4
  bool isPerDay = false;
  std::size_t most = 10'000;                   ///< rows; more is an error that says so
};

/// Most records first; without keys and days one row. Error "logs.key.unknown".
Result<std::vector<StatsRow>> statistics(const LogStore& store, const Filter& filter, const StatsOptions& options, std::stop_token stop = {});

struct WorthOptions {
  double studentInput = 0.10, studentOutput = 0.40;   ///< dollars per million tokens at which the student would answer
  std::size_t most = 50;
};

/// One family, worth/1 (families.md section 4).
struct WorthRow {
  std::string family, name;                    ///< id; the first words of its template
  std::uint64_t records = 0, repeats = 0, withTools = 0, costKnown = 0;
  double perMonth = 0;                         ///< records in 30.4375 days
  double cost = 0, cache = 0, saving = 0;      ///< dollars a month: all of known price; exact repeats; what the student would save
  std::int64_t p50Output = 0;
  double rank = 0;                             ///< saving, less for long answers
};
struct Worth {
  std::vector<WorthRow> rows;                  ///< highest rank first
  double days = 0;                             ///< that the records span
  bool isShort = false;                        ///< under 7 days: a month is a bold guess
  std::uint64_t withoutCost = 0;               ///< records of unknown price
};
/// Error "logs.derived.none" until `logs derive` has run.
Result<Worth> worth(const LogStore& store, const Filter& filter, const WorthOptions& options, std::stop_token stop = {});

/// rank = saving * min(1, 512 / p50 output tokens)
[[nodiscard]] double worthRank(double saving, std::int64_t p50Output);

}  // namespace retort::logs

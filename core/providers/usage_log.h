// Every attempt at every teacher, as JSON lines on disk before the first byte goes out: what was spent, and what may have been spent.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "providers/generation.h"
#include "providers/prices.h"

namespace retort::providers {

/// usage/attempts.jsonl, schema retort.usage/1: {"event":"sent",…} before an attempt, {"event":"done",…} after it, {"event":"lost",…} for one
/// whose process died. Several processes may append; nothing is ever rewritten.
struct SentAttempt {
  std::string id;                  ///< unique
  std::string hash, run, row, teacher, model, host;
  int tries = 1;
  NanoUsd worst = -1;              ///< most it can cost; -1: unknown
  std::string batch;               ///< part of this batch: its fate does not hang on our process
};

/// What a run, or everything, came to.
struct UsageTotals {
  std::int64_t attempts = 0, ok = 0, failed = 0, unsettled = 0;    ///< unsettled: sent by a process that still lives
  std::int64_t possiblyBilled = 0;         ///< broken, cancelled or lost after they were sent: may be on the bill without an answer
  NanoUsd spent = 0;                       ///< of known cost
  NanoUsd possiblySpent = 0;               ///< at most, for possiblyBilled
  std::int64_t unknownCost = 0;            ///< attempts with tokens whose price nobody knows
  Usage tokens;
};
[[nodiscard]] Json toJson(const UsageTotals& totals);
/// "2 possibly billed twice, at most $0.0123"; empty when there is none.
[[nodiscard]] std::string possiblyBilledSentence(const UsageTotals& totals);

class UsageLog {
 public:
  static Result<UsageLog> open(const Workspace& workspace);
  [[nodiscard]] static std::filesystem::path fileOf(const Workspace& workspace) { return workspace.root() / "usage" / "attempts.jsonl"; }
  UsageLog(UsageLog&&) noexcept = default;
  [[nodiscard]] std::string newAttemptId();
  Status sent(const std::vector<SentAttempt>& attempts);       ///< on disk when it returns
  Status done(const SentAttempt& attempt, const Outcome& outcome, NanoUsd cost, bool isPossiblyBilled);
  Status sync();
  /// Attempts of `run` whose process died without a word get a "lost" line: queued again, possibly billed. Returns their number.
  Result<std::int64_t> settleLost(std::string_view run);
  /// Totals of a run, or of everything when `run` is empty.
  static Result<UsageTotals> totals(const Workspace& workspace, std::string_view run = {}) { return totalsIn(fileOf(workspace), run); }
  [[nodiscard]] Result<UsageTotals> totalsOf(std::string_view run) const { return totalsIn(m_path, run); }

 private:
  static Result<UsageTotals> totalsIn(const std::filesystem::path& path, std::string_view run);
  UsageLog(LineAppender file, std::filesystem::path path) : m_file(std::move(file)), m_path(std::move(path)) {}
  LineAppender m_file;
  std::filesystem::path m_path;
  std::int64_t m_next = 0;
};

}  // namespace retort::providers

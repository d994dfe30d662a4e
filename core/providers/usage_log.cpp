// Writing and summing attempts.
#include "providers/usage_log.h"

#include <unistd.h>

#include <optional>
#include <set>

#include "base/clock.h"
#include "base/format.h"
#include "base/paths.h"
#include "base/subprocess.h"
#include "providers/json_peek.h"
#include "providers/secret.h"

namespace retort::providers {
namespace {

struct Process {
  pid_t pid = ::getpid();
  std::uint64_t start = processStartTime(::getpid()).value_or(0);
};
/// Anew after a fork.
Process ownProcess() {
  static thread_local Process process;
  if (process.pid != ::getpid()) process = {};
  return process;
}

/// Calls `each` for every whole line; torn and foreign lines are passed over.
Status readLines(const fs::path& path, const std::function<void(const Json&)>& each) {
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  LineTail tail(path);
  for (;;) {
    RETORT_TRY(const auto n, tail.poll([&](std::string_view line) {
      const auto json = parseJson(line, "usage");
      if (json.ok() && json->is_object()) each(*json);
    }));
    if (n == 0) return {};
  }
}

/// Is the process that wrote this line gone?
bool isDead(const Json& line) {
  if (!peekText(line, "batch").empty()) return false;
  if (peekText(line, "host_name") != hostName()) return false;   // another machine's: only its own programs know
  return !isProcessAlive(static_cast<pid_t>(peekCount(line, "pid")), static_cast<std::uint64_t>(peekCount(line, "pid_start")));
}

NanoUsd worstOf(const Json& line) { return peek(line, "worst_nano").is_number() ? peekCount(line, "worst_nano") : -1; }

}  // namespace

Json toJson(const UsageTotals& t) {
  return {{"attempts", t.attempts}, {"ok", t.ok}, {"failed", t.failed}, {"possibly_billed", t.possiblyBilled}, {"spent_nano_usd", t.spent}, {"possibly_spent_nano_usd", t.possiblySpent}, {"unknown_cost", t.unknownCost},
          {"input_tokens", t.tokens.input}, {"cache_read_tokens", t.tokens.cacheRead}, {"cache_write_tokens", t.tokens.cacheWrite}, {"output_tokens", t.tokens.output}, {"reasoning_tokens", t.tokens.reasoning}};
}

std::string possiblyBilledSentence(const UsageTotals& t) {
  if (t.possiblyBilled == 0) return {};
  return formatCount(t.possiblyBilled) + " possibly billed twice, at most " + formatMoney(t.possiblySpent);
}

Result<UsageLog> UsageLog::open(const Workspace& workspace) {
  const auto path = fileOf(workspace);
  RETORT_CHECK(makeFolders(path.parent_path()));
  // A line torn by a crash gets its end, so that ours begins a new one.
  std::error_code error;
  const auto size = fs::exists(path, error) ? fs::file_size(path, error) : 0;
  RETORT_TRY(auto file, LineAppender::open(path));
  if (size > 0) {
    LineTail tail(path);
    for (;;) {
      RETORT_TRY(const auto n, tail.poll([](std::string_view) {}));
      if (n == 0) break;
    }
    if (tail.offset() < size) RETORT_CHECK(file.append(""));
  }
  return UsageLog(std::move(file), path);
}

std::string UsageLog::newAttemptId() {
  return std::to_string(utcMicros()) + "-" + std::to_string(ownProcess().pid) + "-" + std::to_string(m_next++);
}

Status UsageLog::sent(const std::vector<SentAttempt>& attempts) {
  for (const auto& a : attempts) {
    Json line = {{"schema", "retort.usage/1"}, {"event", "sent"}, {"at", isoUtc(utcMicros(), true)}, {"id", a.id}, {"hash", a.hash}, {"run", a.run}, {"row", a.row}, {"try", a.tries}, {"teacher", a.teacher}, {"model", a.model}, {"host", a.host},
                 {"worst_nano", a.worst < 0 ? Json() : Json(a.worst)}, {"host_name", hostName()}, {"pid", ownProcess().pid}, {"pid_start", ownProcess().start}};
    if (!a.batch.empty()) line["batch"] = a.batch;
    RETORT_CHECK(m_file.append(dumpJson(line)));
  }
  return m_file.sync();
}

Status UsageLog::done(const SentAttempt& a, const Outcome& o, NanoUsd cost, bool isPossiblyBilled) {
  Json line = {{"event", "done"}, {"at", isoUtc(utcMicros(), true)}, {"id", a.id}, {"run", a.run}, {"end", endName(o.end)}, {"http", o.http}};
  if (o.errorClass != ErrorClass::none) line["class"] = errorClassName(o.errorClass), line["code"] = o.error.code, line["why"] = redacted(o.error.why).substr(0, 300);
  if (o.retryAfter >= 0) line["retry_after"] = o.retryAfter;
  if (!o.answer.remoteId.empty()) line["remote_id"] = o.answer.remoteId;
  if (o.answer.usage.isKnown) {
    const Usage& u = o.answer.usage;
    line["tokens"] = {{"input", u.input}, {"cache_read", u.cacheRead}, {"cache_write", u.cacheWrite}, {"output", u.output}, {"reasoning", u.reasoning}};
  }
  line["cost_nano"] = cost < 0 ? Json() : Json(cost);
  if (isPossiblyBilled) line["possibly_billed"] = true;
  if (o.timing.ttftMs >= 0) line["ttft_ms"] = o.timing.ttftMs;
  if (o.timing.totalMs >= 0) line["total_ms"] = o.timing.totalMs;
  return m_file.append(dumpJson(line));
}

Status UsageLog::sync() { return m_file.sync(); }

Result<std::int64_t> UsageLog::settleLost(std::string_view run) {
  std::map<std::string, Json> open;
  RETORT_CHECK(readLines(m_path, [&](const Json& line) {
    const auto id = peekText(line, "id");
    if (peekText(line, "event") != "sent") open.erase(id);
    else if (peekText(line, "run") == run) open[id] = line;
  }));
  std::int64_t lost = 0;
  for (const auto& [id, line] : open) {
    if (!isDead(line)) continue;
    ++lost;
    RETORT_CHECK(m_file.append(dumpJson({{"event", "lost"}, {"at", isoUtc(utcMicros(), true)}, {"id", id}, {"run", run}, {"possibly_billed", true}})));
  }
  if (lost > 0) RETORT_CHECK(m_file.sync());
  return lost;
}

Result<UsageTotals> UsageLog::totalsIn(const std::filesystem::path& path, std::string_view run) {
  UsageTotals t;
  t.tokens.isKnown = true;
  std::map<std::string, Json> open;
  const auto possible = [&](const Json& sent) {
    ++t.possiblyBilled;
    t.possiblySpent += std::max<NanoUsd>(0, worstOf(sent));
  };
  RETORT_CHECK(readLines(path, [&](const Json& line) {
    if (!run.empty() && peekText(line, "run") != run) return;
    const auto event = peekText(line, "event"), id = peekText(line, "id");
    if (event == "sent") {
      ++t.attempts;
      open[id] = line;
      return;
    }
    const auto it = open.find(id);
    if (it == open.end()) return;
    const Json sent = std::move(it->second);
    open.erase(it);
    if (event == "done" && peekText(line, "end") == "ok") ++t.ok;
    else ++t.failed;
    if (peekFlag(line, "possibly_billed")) possible(sent);
    const Json& tokens = peek(line, "tokens");
    t.tokens.input += peekCount(tokens, "input");
    t.tokens.cacheRead += peekCount(tokens, "cache_read");
    t.tokens.cacheWrite += peekCount(tokens, "cache_write");
    t.tokens.output += peekCount(tokens, "output");
    t.tokens.reasoning += peekCount(tokens, "reasoning");
    if (peek(line, "cost_nano").is_number()) t.spent += peekCount(line, "cost_nano");
    else if (tokens.is_object()) ++t.unknownCost;
  }));
  for (const auto& [id, sent] : open) {
    if (isDead(sent)) possible(sent), ++t.failed;
    else ++t.unsettled;
  }
  return t;
}

}  // namespace retort::providers

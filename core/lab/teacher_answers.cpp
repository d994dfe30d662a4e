// Asking row by row: privacy, examples, rounds of samples, choice, and the dataset that comes of it.
#include "lab/teacher_answers.h"

#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "base/format.h"
#include "lab/derive.h"
#include "lab/teacher_check.h"
#include "lab/teacher_similar.h"
#include "providers/request_hash.h"

namespace retort::lab {
namespace {

using providers::Answer;
using providers::NanoUsd;

/// One row while it is asked.
struct Asked {
  const job::Row* row = nullptr;
  Json messages;
  std::vector<std::string> golden;
  std::vector<std::pair<Answer, int>> fit;     ///< accepted answers with their sample
  std::string reason;
  bool isBlocked = false;                      ///< not to be sent
  NanoUsd cost = 0, worth = 0;
  double seconds = -1;
};

std::string privacyReason(const job::Row& row) {
  if (row.source.is_object() && row.source.contains("pii") && row.source["pii"] == true) return "personal data (flagged)";
  std::string all;
  for (const auto& m : row.messages) all += job::contentText(m) + "\n";
  const auto kinds = personalData(all);
  return kinds.empty() ? std::string() : "personal data (" + join(kinds, ", ") + ")";
}

std::string endReason(const providers::Outcome& o, int maxTokens) {
  switch (o.end) {
    case providers::End::tooLong: return "cut at " + std::to_string(maxTokens) + " tokens";
    case providers::End::refused: return "refused";
    case providers::End::filtered: return "filtered";
    default: return o.error.code.empty() ? std::string(providers::endName(o.end)) : o.error.code + ": " + o.error.why;
  }
}

/// Picks the examples of each row.
class Examples {
 public:
  Examples(const std::vector<job::Row>& golden, const TeacherJob& job) : m_golden(golden), m_job(job), m_index(texts(golden)) {}

  Status check() const {
    if (m_job.golden == "none") return {};
    if (m_golden.empty()) return Error{"lab.teacher.golden", "The dataset " + m_job.dataset + " has no golden examples", {}, {}, "Build it with --golden FILE, or ask without --golden.", {}, {}};
    for (const auto& id : m_job.goldenIds)
      if (std::none_of(m_golden.begin(), m_golden.end(), [&](const job::Row& g) { return g.id == id; })) return Error{"lab.teacher.golden", "There is no golden example " + shown(id), {}, {}, "See golden.jsonl of the dataset.", {}, {}};
    return {};
  }

  std::vector<const job::Row*> of(const job::Row& row) const {
    std::vector<const job::Row*> out;
    if (m_job.golden == "chosen") {
      for (const auto& g : m_golden)
        if (std::find(m_job.goldenIds.begin(), m_job.goldenIds.end(), g.id) != m_job.goldenIds.end()) out.push_back(&g);
    } else if (m_job.golden == "similar") {
      const auto wanted = static_cast<std::size_t>(std::max(0, m_job.goldenCount));
      for (const auto i : m_index.nearest(promptText(row.messages), wanted + 1))
        // The row itself is no example for its own question.
        if (out.size() < wanted && m_golden[i].id != row.id && m_golden[i].messages != row.messages) out.push_back(&m_golden[i]);
      std::reverse(out.begin(), out.end());   // the most similar stands last, next to the question
    }
    return out;
  }

 private:
  static std::vector<std::string> texts(const std::vector<job::Row>& golden) {
    std::vector<std::string> out;
    for (const auto& g : golden) out.push_back(promptText(g.messages));
    return out;
  }
  const std::vector<job::Row>& m_golden;
  const TeacherJob& m_job;
  Bm25 m_index;
};

/// The answer that most samples agree on, or the first that is fit.
void choose(const Asked& asked, const AnswerChecker& checker, TeacherRow& out) {
  if (asked.fit.empty()) {
    out.reason = asked.reason.empty() ? "not answered" : asked.reason;
    return;
  }
  out.isAccepted = true;
  std::size_t best = 0;
  if (checker.countsVotes()) {
    std::map<std::string, int> votes;
    for (const auto& [answer, sample] : asked.fit) ++votes[checker.vote(answer.text)];
    for (std::size_t i = 1; i < asked.fit.size(); ++i)
      if (votes[checker.vote(asked.fit[i].first.text)] > votes[checker.vote(asked.fit[best].first.text)]) best = i;
  }
  out.answer = asked.fit[best].first;
  out.sample = asked.fit[best].second;
}

Result<AnswerChecker> checkerOf(const TeacherJob& job, const data::EvalPlan& plan) {
  return AnswerChecker::parse(job.check.empty() && plan.extractor == "label" && !plan.labels.empty() ? "labels" : job.check, plan);
}

/// Prompts with their examples; rows with personal data are kept from other machines.
Result<std::vector<Asked>> prepare(const providers::Teacher& teacher, const std::vector<const job::Row*>& rows, const std::vector<job::Row>& golden, const TeacherJob& job) {
  const Examples examples(golden, job);
  RETORT_CHECK(examples.check());
  std::vector<Asked> asked(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    asked[i].row = rows[i];
    const auto chosen = examples.of(*rows[i]);
    for (const auto* e : chosen) asked[i].golden.push_back(e->id);
    asked[i].messages = withExamples(rows[i]->messages, chosen);
    if (teacher.staysHere() || teacher.allowPii) continue;
    asked[i].reason = privacyReason(*rows[i]);
    for (const auto* e : chosen)
      if (asked[i].reason.empty()) asked[i].reason = privacyReason(*e);
    asked[i].isBlocked = !asked[i].reason.empty();
  }
  return asked;
}

providers::GenRequest requestFor(const Asked& a, const TeacherJob& job, int sample, int maxTokens) {
  providers::GenRequest r;
  r.id = a.row->id;
  r.messages = a.messages;
  r.tools = a.row->tools;
  r.sampling.maxTokens = maxTokens;
  r.sampling.temperature = sample == 0 ? job.temperature : std::max(0.7, job.temperature);
  r.sampling.effort = job.effort;
  // Greedy answers have no seed: the same question is then the same for every run.
  if (*r.sampling.temperature > 0) r.sampling.seed = static_cast<std::int64_t>((job.seed + static_cast<std::uint64_t>(sample)) & 0x7fffffff);
  r.sample = sample;
  return r;
}

void addTally(providers::RunTally& sum, const providers::RunTally& t) {
  sum.settled += t.settled, sum.ok += t.ok, sum.failed += t.failed, sum.cached += t.cached, sum.attempts += t.attempts, sum.retries += t.retries, sum.possiblyBilled += t.possiblyBilled;
  sum.spent += t.spent;
  sum.isCostKnown = sum.isCostKnown && t.isCostKnown;
  sum.tokens.input += t.tokens.input, sum.tokens.cacheRead += t.tokens.cacheRead, sum.tokens.cacheWrite += t.tokens.cacheWrite, sum.tokens.output += t.tokens.output, sum.tokens.reasoning += t.tokens.reasoning;
  sum.highestLimit = std::max(sum.highestLimit, t.highestLimit);
  for (const auto& n : t.notices)
    if (std::find(sum.notices.begin(), sum.notices.end(), n) == sum.notices.end()) sum.notices.push_back(n);
}

}  // namespace

Json toJson(const TeacherJob& j) {
  return {{"dataset", j.dataset}, {"teacher", j.teacher}, {"name", j.name}, {"golden", j.golden}, {"golden_ids", j.goldenIds}, {"golden_count", j.goldenCount}, {"best_of", j.bestOf}, {"check", j.check},
          {"keep_reasoning", j.keepReasoning}, {"temperature", j.temperature}, {"max_tokens", j.maxTokens}, {"effort", j.effort}, {"seed", j.seed}, {"rows", j.rows}, {"ask_again", j.askAgain},
          {"cap_money", j.capMoney}, {"cap_tokens", j.capTokens}, {"cap_seconds", j.capSeconds}};
}

Result<TeacherJob> teacherJobFromJson(const Json& json, std::string_view where) {
  TeacherJob j;
  ObjectReader r(json, std::string(where));
  r.required("dataset", j.dataset).required("teacher", j.teacher).optional("name", j.name).optional("golden", j.golden).optional("golden_ids", j.goldenIds).optional("golden_count", j.goldenCount);
  r.optional("best_of", j.bestOf).optional("check", j.check).optional("keep_reasoning", j.keepReasoning).optional("temperature", j.temperature).optional("max_tokens", j.maxTokens).optional("effort", j.effort);
  r.optional("seed", j.seed).optional("rows", j.rows).optional("ask_again", j.askAgain).optional("cap_money", j.capMoney).optional("cap_tokens", j.capTokens).optional("cap_seconds", j.capSeconds);
  r.range("best_of", j.bestOf, 1, 64).range("golden_count", j.goldenCount, 1, 64).range("temperature", j.temperature, 0, 2).range("max_tokens", j.maxTokens, 0, 1'000'000);
  if (!r.failed() && j.golden != "none" && j.golden != "similar" && j.golden != "chosen") r.fail("golden", "must be none, similar or chosen");
  if (!r.failed() && !j.capMoney.empty() && !providers::parseMoney(j.capMoney)) r.fail("cap_money", "must be dollars, such as 12.50");
  RETORT_CHECK(r.finish());
  return j;
}

Json withExamples(const Json& messages, const std::vector<const job::Row*>& examples) {
  if (examples.empty()) return messages;
  Json out = Json::array();
  std::size_t at = 0;
  for (; at < messages.size() && (messages[at].value("role", std::string()) == "system" || messages[at].value("role", std::string()) == "developer"); ++at) out.push_back(messages[at]);
  for (const auto* example : examples) {
    for (const auto& m : example->messages)
      if (const auto role = m.value("role", std::string()); role != "system" && role != "developer") out.push_back(m);
    out.push_back(example->target);
  }
  for (; at < messages.size(); ++at) out.push_back(messages[at]);
  return out;
}

void splitReasoning(Answer& answer) {
  constexpr std::string_view kBegin = "<think>", kEnd = "</think>";
  const std::string_view text = trimmed(answer.text);
  const auto end = text.find(kEnd);
  if (end == std::string_view::npos) return;
  // Some templates put the opening mark into the prompt.
  std::string_view thought = text.substr(0, end);
  if (thought.starts_with(kBegin)) thought.remove_prefix(kBegin.size());
  else if (thought.find(kBegin) != std::string_view::npos) return;
  std::string rest(trimmed(text.substr(end + kEnd.size())));
  answer.reasoning += std::string(trimmed(thought));
  answer.text = std::move(rest);
}

TeacherDesk::TeacherDesk(providers::Teacher teacher, std::optional<providers::Price> price, std::shared_ptr<providers::Provider> provider, providers::ResponseCache cache, providers::UsageLog log)
    : m_teacher(std::move(teacher)), m_price(std::move(price)), m_provider(std::move(provider)), m_cache(std::make_unique<providers::ResponseCache>(std::move(cache))), m_log(std::make_unique<providers::UsageLog>(std::move(log))) {}

Result<TeacherDesk> TeacherDesk::open(const Workspace& workspace, const std::string& name, const providers::ProviderOptions& options) {
  RETORT_TRY(const auto teacher, providers::loadTeacher(workspace, name));
  return of(workspace, teacher, options);
}

Result<TeacherDesk> TeacherDesk::of(const Workspace& workspace, const providers::Teacher& teacher, const providers::ProviderOptions& options) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto prices, providers::PriceTable::load(&workspace));
  RETORT_TRY(auto provider, providers::makeProvider(teacher, options));
  const std::string what = teacher.isRemote() ? teacher.model : teacher.path.string();
  RETORT_TRY(auto cache, providers::ResponseCache::open(workspace.cache(), provider->dialectName(), teacher.host(), what));
  RETORT_TRY(auto log, providers::UsageLog::open(workspace));
  const auto price = providers::priceOf(teacher, prices);
  return TeacherDesk(teacher, price, std::move(provider), std::move(cache), std::move(log));
}

Result<std::vector<providers::BatchItem>> TeacherDesk::missing(const std::vector<const job::Row*>& rows, const std::vector<job::Row>& golden, const TeacherJob& job, const data::EvalPlan& plan) {
  RETORT_TRY(const auto asked, prepare(m_teacher, rows, golden, job));
  const int maxTokens = job.maxTokens > 0 ? job.maxTokens : plan.maxTokens;
  std::vector<providers::BatchItem> items;
  std::unordered_map<std::string, bool> seen;
  for (int sample = 0; sample < job.bestOf; ++sample)
    for (const auto& a : asked) {
      if (a.isBlocked) continue;
      providers::BatchItem item{{}, requestFor(a, job, sample, maxTokens)};
      item.hash = providers::requestHash(m_provider->dialectName(), m_teacher.host(), m_teacher.model, m_teacher.extra, item.request);
      if (!m_cache->has(item.hash) && seen.emplace(item.hash, true).second) items.push_back(std::move(item));
    }
  return items;
}

Result<std::vector<TeacherRow>> TeacherDesk::ask(const std::vector<const job::Row*>& rows, const std::vector<job::Row>& golden, const TeacherJob& job, const data::EvalPlan& plan, const std::string& run,
                                                 const std::string& stage, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(const auto checker, checkerOf(job, plan));
  RETORT_TRY(auto asked, prepare(m_teacher, rows, golden, job));
  const int maxTokens = job.maxTokens > 0 ? job.maxTokens : plan.maxTokens;
  std::unordered_map<std::string, std::size_t> byId;
  for (std::size_t i = 0; i < rows.size(); ++i) byId[rows[i]->id] = i;
  const double began = monotonicSeconds();
  for (int sample = 0; sample < job.bestOf; ++sample) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (!asked[i].isBlocked && (checker.countsVotes() || asked[i].fit.empty())) open.push_back(i);
    if (open.empty()) break;
    providers::SchedulerOptions options;
    options.run = run;
    options.price = m_price;
    options.askAgain = job.askAgain;
    options.seed = job.seed;
    options.expected = static_cast<std::int64_t>(open.size());
    options.stage = job.bestOf > 1 ? stage + ", sample " + std::to_string(sample + 1) : stage;
    if (!job.capMoney.empty()) options.caps.money = providers::parseMoney(job.capMoney).value_or(-1);
    options.caps.tokens = job.capTokens;
    if (job.capSeconds >= 0) options.caps.seconds = std::max(0.0, job.capSeconds - (monotonicSeconds() - began));
    providers::Scheduler scheduler(m_provider, m_cache.get(), m_log.get(), options);
    std::size_t next = 0;
    RETORT_TRY(const auto tally, scheduler.run([&]() -> std::optional<providers::GenRequest> {
      if (next >= open.size()) return std::nullopt;
      return requestFor(asked[open[next++]], job, sample, maxTokens);
    }, [&](providers::Settled&& s) -> Status {
      Asked& a = asked[byId.at(s.request.id)];
      if (s.cost < 0 || a.cost < 0) a.cost = -1;
      else a.cost += s.cost;
      const NanoUsd worth = s.fromCache ? (m_price && s.outcome.answer.usage.isKnown ? costOf(*m_price, s.outcome.answer.usage) : (isFree() ? 0 : -1)) : s.cost;
      if (worth < 0 || a.worth < 0) a.worth = -1;
      else a.worth += worth;
      if (!s.fromCache && s.outcome.timing.totalMs >= 0) a.seconds = std::max(0.0, a.seconds) + s.outcome.timing.totalMs / 1000;
      if (s.outcome.end != providers::End::ok) {
        if (a.reason.empty()) a.reason = endReason(s.outcome, maxTokens);
        return {};
      }
      splitReasoning(s.outcome.answer);
      RETORT_TRY(const auto reason, s.outcome.answer.toolCalls.empty() ? checker.reject(s.outcome.answer.text) : Result<std::string>(std::string()));
      if (reason.empty()) a.fit.emplace_back(std::move(s.outcome.answer), sample);
      else if (a.reason.empty()) a.reason = reason;
      return {};
    }, progress, stop));
    addTally(m_tally, tally);
    if (tally.paused) return *tally.paused;
  }
  std::vector<TeacherRow> out(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    out[i].index = i;
    out[i].golden = asked[i].golden;
    out[i].cost = asked[i].cost;
    out[i].worth = asked[i].worth;
    out[i].seconds = asked[i].seconds;
    choose(asked[i], checker, out[i]);
  }
  return out;
}

}  // namespace retort::lab

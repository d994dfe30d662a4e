// Proposing, reading and applying evaluation plans.
#include "data/plan.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/hash.h"

namespace retort::data {
namespace {

constexpr std::size_t kMostLabels = 200, kLongestLabel = 60;
constexpr double kRarest = 1.0 / 200;

bool isOneOf(std::string_view word, std::initializer_list<std::string_view> words) { return std::find(words.begin(), words.end(), word) != words.end(); }

std::string bareLabel(std::string_view said) {
  std::string_view text = trimmed(said);
  const auto strip = [&](std::string_view ends) {
    while (!text.empty() && ends.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    while (!text.empty() && (ends.find(text.back()) != std::string_view::npos || text.back() == '.')) text.remove_suffix(1);
  };
  strip("\"'`* \t\r\n");
  return std::string(text);
}

}  // namespace

Json toJson(const EvalPlan& p) {
  return {{"schema", kPlanSchema}, {"task", p.task}, {"reference", p.reference}, {"labels", p.labels}, {"extractor", p.extractor}, {"primary", p.primary},
          {"guards", p.guards}, {"slices", p.slices}, {"margin", p.margin}, {"alpha", p.alpha}, {"temperature", p.temperature}, {"max_tokens", p.maxTokens}};
}

Result<EvalPlan> planFromJson(const Json& json, std::string_view where) {
  EvalPlan p;
  std::string schema;
  ObjectReader r(json, std::string(where));
  r.required("schema", schema).required("task", p.task).required("reference", p.reference).optional("labels", p.labels);
  r.required("extractor", p.extractor).required("primary", p.primary).optional("guards", p.guards).optional("slices", p.slices);
  r.optional("margin", p.margin).optional("alpha", p.alpha).optional("temperature", p.temperature).optional("max_tokens", p.maxTokens);
  r.range("margin", p.margin, 0, 1).range("alpha", p.alpha, 1e-6, 0.5).range("temperature", p.temperature, 0, 10).range("max_tokens", p.maxTokens, 1, 1e6);
  if (!r.failed()) {
    if (schema != kPlanSchema) r.fail("schema", "is not " + std::string(kPlanSchema));
    if (!isOneOf(p.task, {"classify", "extract", "rag", "tools", "chat", "code"})) r.fail("task", "must be classify, extract, rag, tools, chat or code");
    if (!isOneOf(p.reference, {"annotation", "teacher", "judge", "none"})) r.fail("reference", "must be annotation, teacher, judge or none");
    if (!isOneOf(p.extractor, {"label", "text", "json"})) r.fail("extractor", "must be label, text or json");
    if (!isOneOf(p.primary, {"accuracy", "exact", "json-match"})) r.fail("primary", "must be accuracy, exact or json-match");
    if (p.extractor == "label" && p.labels.empty()) r.fail("labels", "must name at least one label for the extractor \"label\"");
  }
  RETORT_CHECK(r.finish());
  return p;
}

std::string planHash(const EvalPlan& plan) { return sha256Hex(dumpJson(toJson(plan))); }

Status setPlanField(EvalPlan& plan, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return Error{"data.plan.set", "\"" + shown(assignment) + "\" sets nothing", {}, "a name and a value are needed", "Write --set margin=0.03.", {}, {}};
  Json json = toJson(plan);
  const std::string key(assignment.substr(0, equals));
  const std::string_view value = assignment.substr(equals + 1);
  const auto parsed = parseJson(value, key);
  json[key] = parsed.ok() ? *parsed : Json(std::string(value));
  RETORT_TRY(plan, planFromJson(json, "plan"));
  return {};
}

EvalPlan proposePlan(const std::vector<std::string>& answers, bool hasReferences) {
  EvalPlan plan;
  plan.reference = hasReferences ? "annotation" : "teacher";
  std::map<std::string, std::size_t> counts;
  std::size_t longest = 0, json = 0;
  for (const auto& answer : answers) {
    ++counts[bareLabel(answer)];
    longest = std::max(longest, answer.size());
    const std::string_view text = trimmed(answer);
    json += text.starts_with("{") && parseJson(text, "answer").ok();
  }
  plan.maxTokens = static_cast<int>(std::clamp<std::size_t>(longest / 2, 64, 2048));
  std::size_t covered = 0;
  const double least = std::max(2.0, kRarest * static_cast<double>(answers.size()));
  for (const auto& [answer, count] : counts)
    if (static_cast<double>(count) >= least && !answer.empty() && answer.size() <= kLongestLabel && answer.find('\n') == std::string::npos) {
      plan.labels.push_back(answer);
      covered += count;
    }
  const bool isClassify = plan.labels.size() >= 2 && plan.labels.size() <= kMostLabels && static_cast<double>(covered) >= 0.8 * static_cast<double>(answers.size());
  if (isClassify) {
    plan.task = "classify";
    plan.extractor = "label";
    plan.primary = "accuracy";
    plan.guards = {"format"};
    std::size_t longestLabel = 0;
    for (const auto& label : plan.labels) longestLabel = std::max(longestLabel, label.size());
    plan.maxTokens = static_cast<int>(std::clamp<std::size_t>(longestLabel / 2 + 4, 8, 48));
    return plan;
  }
  plan.labels.clear();
  if (!answers.empty() && json * 10 >= answers.size() * 9) {
    plan.task = "extract";
    plan.extractor = "json";
    plan.primary = "json-match";
    plan.guards = {"format"};
  }
  return plan;
}

std::string extractAnswer(const EvalPlan& plan, std::string_view said) {
  if (plan.extractor == "label") {
    const std::string text = lowerAscii(bareLabel(said));
    for (const auto& label : plan.labels)
      if (lowerAscii(label) == text) return label;
    return {};
  }
  if (plan.extractor == "json") {
    auto begin = said.find('{'), end = said.rfind('}');
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
    const auto json = parseJson(said.substr(begin, end - begin + 1), "answer");
    return json.ok() ? nlohmann::json::parse(dumpJson(*json)).dump() : std::string();   // nlohmann::json: members in order of name
  }
  return std::string(trimmed(said));
}

bool agrees(const EvalPlan& plan, std::string_view said, std::string_view reference) {
  const std::string answer = extractAnswer(plan, said);
  return !answer.empty() && answer == extractAnswer(plan, reference);
}

}  // namespace retort::data

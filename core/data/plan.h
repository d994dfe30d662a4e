// The evaluation plan, retort.eval/1: what counts as right, fixed and hashed before the first run.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::data {

inline constexpr std::string_view kPlanSchema = "retort.eval/1";

struct EvalPlan {
  std::string task = "chat";                  ///< classify | extract | rag | tools | chat | code
  std::string reference = "teacher";          ///< annotation (references.jsonl) | teacher (the rows' targets) | judge | none
  std::vector<std::string> labels;            ///< of classify: every answer that counts, sorted
  std::string extractor = "text";             ///< label | text (trimmed) | json: how an answer is read out of what a model says
  std::string primary = "exact";              ///< accuracy (of labels) | exact | json-match
  std::vector<std::string> guards;            ///< metrics that must not fall: "format"
  std::vector<std::string> slices;            ///< metadata keys
  double margin = 0.02, alpha = 0.05;
  double temperature = 0;
  int maxTokens = 64;
  bool operator==(const EvalPlan&) const = default;
};

[[nodiscard]] Json toJson(const EvalPlan& plan);
/// Strict: an unknown member is an error that names the nearest known one.
Result<EvalPlan> planFromJson(const Json& json, std::string_view where);
/// SHA-256 of the plan's canonical JSON: what a card, a run and a report quote.
[[nodiscard]] std::string planHash(const EvalPlan& plan);
/// Sets one member: "margin=0.03", "labels=[\"a\",\"b\"]". The value is JSON, or else text.
Status setPlanField(EvalPlan& plan, std::string_view assignment);

/// Proposes a plan from answers: few distinct short ones, met often enough, are labels. Values that only chatter made (rarer than one
/// in 200 answers) do not become labels. `hasReferences`: an annotation exists for held-out rows.
[[nodiscard]] EvalPlan proposePlan(const std::vector<std::string>& answers, bool hasReferences);

/// The answer inside what a model said, by the plan's extractor. label: trimmed, without quotes and a final full stop, compared without
/// regard to case with the labels; empty when it is none of them. text: trimmed. json: the compact text of the document, empty if none.
[[nodiscard]] std::string extractAnswer(const EvalPlan& plan, std::string_view said);
/// True when the extracted answers agree. `said` that yields nothing agrees with nothing.
[[nodiscard]] bool agrees(const EvalPlan& plan, std::string_view said, std::string_view reference);

}  // namespace retort::data

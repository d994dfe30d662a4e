// Is an answer fit to train on? A label set, a regular expression or JSON decides, and says why not.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/plan.h"
#include "text/regex.h"

namespace retort::lab {

/// Made from words: "" or "none" (anything that is not empty), "labels" (the plan's), "labels:a,b,c", "regex:PATTERN" (must match somewhere),
/// "json" (one document), "json:key1,key2" (an object with these members).
class AnswerChecker {
 public:
  static Result<AnswerChecker> parse(const std::string& text, const data::EvalPlan& plan);
  /// Empty when the answer is fit; else a short reason, the same for equal failures ("not one of the labels").
  [[nodiscard]] Result<std::string> reject(const std::string& answer) const;
  /// What the answer says, by which votes are counted: the label, else the trimmed text.
  [[nodiscard]] std::string vote(const std::string& answer) const;
  [[nodiscard]] bool countsVotes() const { return m_kind == Kind::labels; }

 private:
  enum class Kind { none, labels, regex, json } m_kind = Kind::none;
  data::EvalPlan m_plan;
  std::shared_ptr<const text::Regex> m_regex;
  std::vector<std::string> m_keys;
};

/// Kinds of personal data found in a text: "e-mail", "phone", "card", "IBAN", "IP address", "key"; sorted, each once.
[[nodiscard]] std::vector<std::string> personalData(const std::string& text);

}  // namespace retort::lab

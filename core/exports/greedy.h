// Greedy answers of an exported file against the student's on held-out prompts: the same tokens, but for near ties.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "job/row.h"

namespace retort::exports {

/// Two best log-probabilities nearer than this in f32 are a near tie (design section 6).
inline constexpr double kNearTie = 0.02;

struct Prompt {
  std::string id;                          ///< row id
  Json messages, tools;
  std::vector<std::int32_t> ids;           ///< as the student's tokenizer and template give them
};

/// One greedy answer: its ids, and at each place the lead of the best over the second (nats; large when unknown).
struct Answer {
  std::vector<std::int32_t> ids;
  std::vector<double> leads;
};

struct GreedyReport {
  std::int64_t rows = 0, same = 0, nearTies = 0, different = 0;
  std::int64_t tokens = 0, agreeing = 0;   ///< tokens up to each row's first difference, and those that agree
  Json firstDifference;                    ///< {"row","position","student","export","lead"} or null
  double meanKl = -1;                      ///< nats a token, student against export, top 64 and the rest; -1: not measured
  [[nodiscard]] double agreement() const { return tokens > 0 ? static_cast<double>(agreeing) / static_cast<double>(tokens) : 1; }
  [[nodiscard]] Json toJson() const;
};

/// Up to `count` prompts: rows of a dataset's test.jsonl, spread evenly; without a dataset short built-in questions.
Result<std::vector<Prompt>> heldOutPrompts(const std::filesystem::path& datasetFolder, std::size_t count);

/// A worker holding a model in f32, asked for greedy answers and scores.
class Speaker {
 public:
  static Result<Speaker> start(const std::filesystem::path& model, const std::filesystem::path& adapter = {}, std::stop_token stop = {});
  Speaker(Speaker&&) noexcept;
  ~Speaker();
  Result<std::vector<Answer>> answers(const std::vector<Prompt>& prompts, int maxTokens, std::stop_token stop = {});
  /// For each prompt and its answer the top-64 log-probabilities at each place of the answer.
  using Top = std::vector<std::vector<std::pair<std::int32_t, double>>>;
  Result<std::vector<Top>> scores(const std::vector<Prompt>& prompts, const std::vector<Answer>& answers, std::stop_token stop = {});

 private:
  Speaker();
  struct Private;
  std::unique_ptr<Private> m;
};

/// Rows where ids part at a place with lead < kNearTie are near ties.
[[nodiscard]] GreedyReport compareAnswers(const std::vector<Prompt>& prompts, const std::vector<Answer>& student, const std::vector<Answer>& made);
/// Mean over all places of KL(student || made), from top lists; the mass outside the student's list counts as one more token.
[[nodiscard]] double meanKl(const std::vector<Speaker::Top>& student, const std::vector<Speaker::Top>& made);
/// The most KL that an export of a type may have, in nats a token.
[[nodiscard]] double klLimit(std::string_view format);

}  // namespace retort::exports

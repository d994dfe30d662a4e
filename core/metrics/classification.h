// Labels against labels: accuracy, precision, recall and F1 by class, macro-F1, confusions.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace retort::metrics {

struct ClassScore {
  std::string label;
  std::int64_t support = 0, predicted = 0, correct = 0;
  double precision = 0, recall = 0, f1 = 0;      ///< 0 where undefined
};

struct Classification {
  std::int64_t n = 0, correct = 0, invalid = 0;  ///< invalid: empty predictions; they count as wrong
  double accuracy = 0;
  double macroF1 = 0;                            ///< over the classes that occur among the references
  std::vector<ClassScore> classes;               ///< by label
  std::map<std::pair<std::string, std::string>, std::int64_t> confusion;   ///< (reference, prediction) that differ
};

/// `predictions` and `references` of the same rows; an empty prediction is one that named no label.
[[nodiscard]] Classification classify(const std::vector<std::string>& predictions, const std::vector<std::string>& references);

/// Share of rows on which both say the same (empty answers agree with nothing); 0 of none.
[[nodiscard]] double agreement(const std::vector<std::string>& first, const std::vector<std::string>& second);

enum class LabelRule { firstLine, whole };
/// The label text of an answer: its first line that is not blank, or the whole answer, without blanks at the ends.
[[nodiscard]] std::string labelText(const std::string& answer, LabelRule rule);

}  // namespace retort::metrics

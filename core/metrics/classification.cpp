// Counting hits and confusions.
#include "metrics/classification.h"

#include <algorithm>

#include "base/format.h"

namespace retort::metrics {

Classification classify(const std::vector<std::string>& predictions, const std::vector<std::string>& references) {
  Classification out;
  std::map<std::string, ClassScore> classes;
  out.n = static_cast<std::int64_t>(std::min(predictions.size(), references.size()));
  for (std::size_t i = 0; i < static_cast<std::size_t>(out.n); ++i) {
    const std::string& said = predictions[i];
    const std::string& right = references[i];
    ++classes[right].support;
    if (said.empty()) {
      ++out.invalid;
    } else {
      ++classes[said].predicted;
    }
    if (said == right && !said.empty()) {
      ++out.correct;
      ++classes[right].correct;
    } else {
      ++out.confusion[{right, said}];
    }
  }
  double present = 0;
  for (auto& [label, c] : classes) {
    c.label = label;
    const auto correct = static_cast<double>(c.correct);
    c.precision = c.predicted > 0 ? correct / static_cast<double>(c.predicted) : 0;
    c.recall = c.support > 0 ? correct / static_cast<double>(c.support) : 0;
    c.f1 = c.precision + c.recall > 0 ? 2 * c.precision * c.recall / (c.precision + c.recall) : 0;
    if (c.support > 0) {   // a class that the rows do not hold cannot be found
      out.macroF1 += c.f1;
      ++present;
    }
    out.classes.push_back(c);
  }
  if (present > 0) out.macroF1 /= present;
  out.accuracy = out.n > 0 ? static_cast<double>(out.correct) / static_cast<double>(out.n) : 0;
  return out;
}

double agreement(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  const std::size_t n = std::min(first.size(), second.size());
  std::size_t same = 0;
  for (std::size_t i = 0; i < n; ++i) same += !first[i].empty() && first[i] == second[i];
  return n > 0 ? static_cast<double>(same) / static_cast<double>(n) : 0;
}

std::string labelText(const std::string& answer, LabelRule rule) {
  if (rule == LabelRule::whole) return std::string(trimmed(answer));
  for (const std::string_view line : splitView(answer, '\n')) {
    if (!trimmed(line).empty()) return std::string(trimmed(line));
  }
  return {};
}

}  // namespace retort::metrics

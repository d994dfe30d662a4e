// A Report, retort.report/1: models judged on the same held-out rows, with intervals, paired differences and a verdict.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "metrics/classification.h"
#include "metrics/comparison.h"
#include "metrics/statistics.h"

namespace retort::report {

struct Latency {
  double ttftP50 = 0, ttftP95 = 0, requestP50 = 0, requestP95 = 0;   ///< milliseconds
  double tokensPerSecond = 0;                                         ///< decoding
  std::int64_t rows = 0;
  std::string definition;
};

struct ModelScore {
  std::string name, path, sha256, role;            ///< role: teacher | base | student | other
  std::int64_t right = 0, valid = 0, agreeing = 0; ///< of the report's rows; valid: an answer that the plan's extractor accepts
  double accuracy = 0, macroF1 = 0;                ///< macroF1 of classify, else 0
  metrics::Interval interval;                      ///< Wilson, 95 %
  std::optional<double> agreement;                 ///< share of rows on which it says what the teacher says
  std::optional<Latency> latency;
  std::uint64_t bytes = 0;                         ///< weight files
  std::int64_t parameters = 0;
  bool logged = false;                             ///< answers taken from the logs; there is no model file
  double tokenF1 = 0, rougeL = 0;                  ///< means over the rows, of tasks without labels
  std::vector<metrics::ClassScore> classes;        ///< of classify
};

struct Difference {
  std::string first, second;                       ///< names; first minus second
  metrics::Paired counts;
  std::int64_t both = 0, neither = 0;
  metrics::Interval interval;                      ///< Tango, 95 %
  double p = 1, pHolm = 1;                         ///< McNemar; corrected for the number of differences
  double detectable = 0;                           ///< smallest difference that these rows would have shown (power .8)
};

struct Verdict {
  std::string sentence;                            ///< one of the five fixed sentences
  std::string source;                              ///< where the reference comes from: annotation | teacher
  double margin = 0, alpha = 0, bound = 0;         ///< bound: one-sided lower bound of student - (1 - margin) teacher
  std::int64_t rowsNeeded = 0;                     ///< more rows, where it is not decided
  double upper = 0, mean = 0;                      ///< one-sided upper bound, and the mean that is bounded
  std::string decision;                            ///< as-good | worse | undecided | use-base | agreement
  std::string method;                              ///< normal | cluster-robust | bca | tango
};

struct RowAnswer {
  std::string id, prompt, reference;
  std::vector<std::string> answers;                ///< by model, as said
  std::vector<bool> right;
};

struct Report {
  std::string id, created, dataset, datasetSha256, planHash, part, source;
  std::int64_t rows = 0;
  std::vector<ModelScore> models;
  std::vector<Difference> differences;
  std::optional<Verdict> verdict;                  ///< with a teacher and a student
  std::vector<std::string> labels;
  std::int64_t unreferenced = 0;                   ///< rows left out: nothing to compare with
  std::int64_t opening = 1;                        ///< how often reports have looked at this part of this dataset, this one included
  std::optional<Verdict> baseVerdict;              ///< "Use the base model." where the untrained model is as good as the teacher
  std::optional<double> gapRecovered;              ///< (student - base) / (teacher - base), unless that gap is within two standard errors
  std::vector<std::string> alarms;                 ///< what got worse, in sentences; shown beside the verdict
};

[[nodiscard]] Json toJson(const Report& report);
Result<Report> reportFromJson(const Json& json, std::string_view where);
/// A page that needs nothing else: escaped, without script, light and dark. `rows` are shown where student and reference differ.
[[nodiscard]] std::string toHtml(const Report& report, const std::vector<RowAnswer>& rows);

/// The verdict on the student's and the teacher's scores (0 or 1) of the same rows; `clusters` as in metrics::nonInferiority. With the
/// teacher as the only reference the sentence can only tell agreement.
[[nodiscard]] Verdict judge(const std::vector<double>& student, const std::vector<double>& teacher, const std::vector<int>& clusters, double margin, double alpha,
                            std::string_view source);
/// The same question for the model before training, with the margin in points; nullopt unless it is as good.
[[nodiscard]] std::optional<Verdict> judgeBase(const std::vector<double>& base, const std::vector<double>& teacher, const std::vector<int>& clusters, double margin, double alpha);

/// Ids of the reports of a workspace, oldest first; and one of them.
[[nodiscard]] std::vector<std::string> listReports(const Workspace& workspace);
Result<Report> loadReport(const Workspace& workspace, std::string_view id);
Result<std::vector<RowAnswer>> loadRows(const Workspace& workspace, std::string_view id);

}  // namespace retort::report

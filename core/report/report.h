// A Report, retort.report/1: models judged on the same held-out rows, with intervals, paired differences and a verdict.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "metrics/proportion.h"

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
};

struct Difference {
  std::string first, second;                       ///< names; first minus second
  metrics::Paired counts;
  std::int64_t both = 0, neither = 0;
  metrics::Interval interval;                      ///< Tango, 95 %
  double p = 1;                                    ///< McNemar
};

struct Verdict {
  std::string sentence;                            ///< one of the five fixed sentences
  std::string source;                              ///< where the reference comes from: annotation | teacher
  double margin = 0, alpha = 0, bound = 0;         ///< bound: one-sided lower bound of student - (1 - margin) teacher
  std::int64_t rowsNeeded = 0;                     ///< more rows, where it is not decided
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
};

[[nodiscard]] Json toJson(const Report& report);
Result<Report> reportFromJson(const Json& json, std::string_view where);
/// A page that needs nothing else: escaped, without script, light and dark. `rows` are shown where student and reference differ.
[[nodiscard]] std::string toHtml(const Report& report, const std::vector<RowAnswer>& rows);

/// The verdict on binary rows: c = student - (1 - margin) teacher per row, one-sided at alpha (normal theory). With the teacher as the
/// only reference the sentence can only tell agreement.
[[nodiscard]] Verdict judge(std::int64_t both, std::int64_t onlyStudent, std::int64_t onlyTeacher, std::int64_t neither, double margin, double alpha, std::string_view source);

/// Ids of the reports of a workspace, oldest first; and one of them.
[[nodiscard]] std::vector<std::string> listReports(const Workspace& workspace);
Result<Report> loadReport(const Workspace& workspace, std::string_view id);
Result<std::vector<RowAnswer>> loadRows(const Workspace& workspace, std::string_view id);

}  // namespace retort::report

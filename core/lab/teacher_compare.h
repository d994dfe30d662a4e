// Side by side: any number of columns (logged answers, teachers, local models) on the same rows; agreement, accuracy, paired differences.
#pragma once
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/workspace.h"
#include "lab/teacher_answers.h"
#include "metrics/statistics.h"

namespace retort::lab {

struct CompareJob {
  std::string dataset;
  std::vector<std::string> columns;            ///< "logged", "teacher:NAME", "model:NAME"
  std::int64_t rows = 100;                     ///< from validation, then train: the test split stays sealed
  int maxTokens = 0;                           ///< 0: the plan's
  std::string capMoney;                        ///< for all columns together
  double capSeconds = -1;
};
[[nodiscard]] Json toJson(const CompareJob& job);
Result<CompareJob> compareJobFromJson(const Json& json, std::string_view where);

struct CompareColumn {
  std::string id, host;                        ///< as asked for; where it answered
  std::int64_t answered = 0, rejected = 0;
  std::int64_t right = 0, n = 0;               ///< against the reference
  metrics::Interval interval;                  ///< Wilson, 95 %
  std::optional<double> p50Ms, p95Ms;          ///< of whole requests; none where all came out of the cache or from the log
  std::int64_t timed = 0;
  std::optional<double> usdPer1000;            ///< what its answers cost when bought; none: unknown or logged
  providers::OutputNote note;
};

/// Two columns on the rows that both can be judged on.
struct ComparePair {
  std::size_t first = 0, second = 0;
  std::int64_t onlyFirst = 0, onlySecond = 0, n = 0;
  double difference = 0;                       ///< share right of the first minus the second
  metrics::Interval interval;                  ///< Tango, 95 %
  double p = 1;                                ///< McNemar, Holm-adjusted over all pairs
  std::int64_t same = 0;                       ///< rows on which both say the same
};

struct CompareRow {
  std::string id, prompt, reference;
  std::vector<std::string> answers;            ///< by column; empty where rejected
  std::vector<std::string> reasons;            ///< why rejected
  std::vector<int> right;                      ///< 1, 0; -1: no reference
};

struct Comparison {
  std::string id, dataset, reference;          ///< reference: what counts as right, in words
  std::vector<CompareColumn> columns;
  std::vector<ComparePair> pairs;
  std::vector<CompareRow> rows;
  std::string sha256;                          ///< of rows.jsonl: what a choice of teacher quotes
  providers::NanoUsd spent = 0;
};
[[nodiscard]] Json toJson(const Comparison& comparison);

/// Figures of columns and pairs from the rows.
void judgeColumns(Comparison& comparison, const data::EvalPlan& plan);

/// Asks every column for every row and writes comparisons/<id>/ {comparison.json (retort.comparison/1), rows.jsonl}. `run` names it in the usage log.
Result<Comparison> compareColumns(const Workspace& workspace, const CompareJob& job, const std::string& run, const ProgressFn& progress, std::stop_token stop);

}  // namespace retort::lab

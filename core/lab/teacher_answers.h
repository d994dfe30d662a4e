// A teacher answers a dataset: golden examples steer it, best-of-n with a checker chooses, what is accepted becomes a new dataset.
#pragma once
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/workspace.h"
#include "data/dataset.h"
#include "job/row.h"
#include "metrics/statistics.h"
#include "providers/batch.h"
#include "providers/forecast.h"
#include "providers/provider.h"
#include "providers/scheduler.h"

namespace retort::lab {

/// What is asked; the params of the job kind "teacher-answers".
struct TeacherJob {
  std::string dataset, teacher, name;          ///< name: of the new dataset
  std::string golden = "none";                 ///< none | similar (BM25 per row) | chosen (goldenIds)
  std::vector<std::string> goldenIds;
  int goldenCount = 4;                         ///< examples a prompt
  int bestOf = 1;                              ///< samples a row; the first at temperature 0
  std::string check;                           ///< see AnswerChecker; empty: the plan's labels for classification, else none
  bool keepReasoning = false;
  double temperature = 0;                      ///< of the first sample; the others at least 0.7
  int maxTokens = 0;                           ///< 0: the plan's
  std::string effort;
  std::uint64_t seed = 1;
  std::int64_t rows = 0;                       ///< 0: all of train and validation
  bool askAgain = false;
  std::string capMoney;                        ///< dollars as text; empty: none
  std::int64_t capTokens = -1;
  double capSeconds = -1;
};
[[nodiscard]] Json toJson(const TeacherJob& job);
Result<TeacherJob> teacherJobFromJson(const Json& json, std::string_view where);

/// What became of one row.
struct TeacherRow {
  std::size_t index = 0;                       ///< in the rows asked
  bool isAccepted = false;
  std::string reason;                          ///< why not
  providers::Answer answer;                    ///< the chosen one
  int sample = 0;                              ///< which sample was chosen
  std::vector<std::string> golden;             ///< ids of the examples that steered it
  providers::NanoUsd cost = 0;                 ///< paid now, all samples; -1: unknown
  providers::NanoUsd worth = 0;                ///< what its answers cost when they were bought, cached ones too; -1: unknown
  double seconds = -1;
};

/// A teacher with everything it needs to be asked: provider, price, cache, usage log.
class TeacherDesk {
 public:
  static Result<TeacherDesk> open(const Workspace& workspace, const std::string& teacher, const providers::ProviderOptions& options = {});
  /// The same for one that is not saved in the workspace.
  static Result<TeacherDesk> of(const Workspace& workspace, const providers::Teacher& teacher, const providers::ProviderOptions& options = {});
  [[nodiscard]] const providers::Teacher& teacher() const { return m_teacher; }
  [[nodiscard]] const std::optional<providers::Price>& price() const { return m_price; }
  /// No request to it costs money.
  [[nodiscard]] bool isFree() const { return m_price && m_price->input == 0 && m_price->output == 0; }

  /// Asks `rows` in the way of `job`; `golden` are the examples to choose from. Rows with personal data are not sent to another machine unless
  /// the teacher allows it. On a pause (cap, key, quota) returns its error; what was answered is in the cache.
  Result<std::vector<TeacherRow>> ask(const std::vector<const job::Row*>& rows, const std::vector<job::Row>& golden, const TeacherJob& job, const data::EvalPlan& plan, const std::string& run,
                                      const std::string& stage, const ProgressFn& progress, std::stop_token stop);
  /// The questions of `ask` that nobody has answered yet, all samples of each row: what a batch would hold.
  Result<std::vector<providers::BatchItem>> missing(const std::vector<const job::Row*>& rows, const std::vector<job::Row>& golden, const TeacherJob& job, const data::EvalPlan& plan);
  [[nodiscard]] providers::ResponseCache& cache() { return *m_cache; }
  [[nodiscard]] providers::UsageLog& log() { return *m_log; }
  [[nodiscard]] const providers::RunTally& tally() const { return m_tally; }   ///< of all calls of ask()

 private:
  TeacherDesk(providers::Teacher teacher, std::optional<providers::Price> price, std::shared_ptr<providers::Provider> provider, providers::ResponseCache cache, providers::UsageLog log);
  providers::Teacher m_teacher;
  std::optional<providers::Price> m_price;
  std::shared_ptr<providers::Provider> m_provider;
  std::unique_ptr<providers::ResponseCache> m_cache;
  std::unique_ptr<providers::UsageLog> m_log;
  providers::RunTally m_tally;
};

/// The whole job in its folder: asks train and validation rows (never test rows), writes rejected.jsonl there and the new dataset; its summary.
Result<Json> answerWithTeacher(const Workspace& workspace, const std::filesystem::path& folder, const TeacherJob& job, const ProgressFn& progress, std::stop_token stop);

/// The first `count` rows, and what the others would cost.
struct TeacherPreview {
  std::vector<job::Row> rows;
  std::vector<TeacherRow> answers;
  providers::SpendForecast forecast;           ///< of the rows that are left
  std::vector<std::string> notices;
  providers::NanoUsd spent = 0;
};
Result<TeacherPreview> previewTeacher(const Workspace& workspace, const TeacherJob& job, int count, const ProgressFn& progress, std::stop_token stop);

/// Teacher plain, with golden examples, and best-of-n, on the same rows that have a reference.
struct TrialArm {
  std::string name;                            ///< "plain", "golden", "best of 3"
  std::int64_t right = 0, n = 0, rejected = 0;
  metrics::Interval interval;                  ///< Wilson, 95 %
  double gain = 0;                             ///< over plain, in points of share
  metrics::Interval gainInterval;              ///< Tango, 95 %
  double p = 1;                                ///< McNemar
  providers::SpendForecast forecast;           ///< for all rows of the dataset
};
struct TeacherTrial {
  std::vector<TrialArm> arms;
  std::string reference;                       ///< what counts as right
  std::int64_t rows = 0;
  providers::NanoUsd spent = 0;
};
Result<TeacherTrial> tryTeacher(const Workspace& workspace, const TeacherJob& job, int rows, const ProgressFn& progress, std::stop_token stop);
[[nodiscard]] Json toJson(const TeacherTrial& trial);

/// Writes what is missing as a batch of the teacher's provider and submits it (OpenAI, Anthropic) or leaves its files (Bedrock). Answers come
/// at about half the price within a day; collectBatch() puts them into the cache, where answerWithTeacher() finds them.
Result<providers::Batch> submitTeacherBatch(const Workspace& workspace, const TeacherJob& job, std::stop_token stop);

/// The prompt with examples: behind the system message each example's turns and its answer, then the row's own turns.
[[nodiscard]] Json withExamples(const Json& messages, const std::vector<const job::Row*>& examples);
/// Moves what stands in <think>…</think> at the start of an answer into its reasoning.
void splitReasoning(providers::Answer& answer);

}  // namespace retort::lab

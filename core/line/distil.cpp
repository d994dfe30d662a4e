// The line on one's own logs.
#include "line/distil.h"

#include <algorithm>
#include <cstdlib>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "data/dataset_build.h"
#include "job/job_folder.h"
#include "lab/answers.h"
#include "line/stage.h"
#include "line/summary.h"
#include "logs/filter.h"
#include "logs/importer.h"
#include "logs/log_store.h"
#include "models/library.h"
#include "models/model_source.h"
#include "report/evaluator.h"
#include "run/recipes.h"

namespace retort::line {
namespace {

class Distil {
 public:
  /// `home`: the workspace whose records and models are meant, where the stage works in another one.
  Distil(Stage stage, fs::path folder, const DistilRequest& request, const Workspace* home = nullptr)
      : m_stage(std::move(stage)), m_folder(std::move(folder)), m_request(request), m_home(home) {}

  /// The local teacher's path, where the teacher is one.
  Status prepare() {
    const models::Library library((m_home ? *m_home : m_stage.workspace()).root());
    RETORT_TRY(m_student, library.resolve(m_request.student));
    RETORT_TRY([[maybe_unused]] const auto checked, models::openModel(m_student));
    if (!m_request.teacher.empty())
      if (auto local = library.resolve(m_request.teacher); local.ok()) m_localTeacher = *local;
    m_use = !m_request.use.empty() ? m_request.use : m_localTeacher.empty() ? "responses" : "prompts";
    if (m_use == "prompts" && m_localTeacher.empty())
      return Error{"line.distil.teacher", "Nobody would answer the prompts", {}, "--use prompts needs a local teacher to answer them", "Name a model of the library with --teacher, or use --use responses.", {}, {}};
    return {};
  }

  Result<Json> import() {
    return m_stage.once("import", [&]() -> Result<Json> {
      if (m_request.logs.empty()) {
        RETORT_TRY(const auto store, logs::LogStore::open((m_home ? *m_home : m_stage.workspace()).logsDb()));
        return Json{{"lines", 0}, {"accepted", 0}, {"duplicates", 0}, {"rejected", 0}, {"filtered", 0}, {"files", 0}, {"records", store->size()}};
      }
      logs::ImportOptions options;
      for (const auto& path : m_request.logs) options.sources.emplace_back(path);
      RETORT_TRY(const auto result, logs::importLogs(m_stage.workspace().logsDb(), options, m_stage.stop(), m_stage.progress()));
      return result.toJson();
    });
  }

  Result<data::Dataset> dataset() {
    return m_stage.dataset("dataset", [&]() -> Result<data::Dataset> {
      data::BuildOptions options;
      options.name = m_request.name;
      options.filter = m_request.where;
      options.use = m_use;
      options.teacher = m_localTeacher.empty() ? m_request.teacher : std::string();
      options.golden = m_request.golden;
      options.references = m_request.references;
      options.split = m_request.split;
      options.system = m_request.system;
      options.seed = m_request.seed;
      if (m_home && m_request.logs.empty()) options.store = m_home->logsDb();
      return data::buildDataset(m_stage.workspace(), options, m_stage.stop(), m_stage.progress());
    });
  }

  Result<job::RunSpec> spec(const data::Dataset& dataset) const {
    run::RecipeInput input;
    input.dataset = dataset.id;
    input.student = m_student.string();
    input.teacher = m_localTeacher.string();
    input.recipe = m_request.recipe;
    input.name = m_request.name;
    RETORT_TRY(const auto recipe, run::specFromRecipe(m_stage.workspace(), input));
    Json json = job::toJson(recipe);
    for (const auto& assignment : m_request.set) RETORT_CHECK(job::setField(json, assignment));
    RETORT_TRY(auto spec, job::runSpecFromJson(json, "spec"));
    spec.seed = m_request.seed;
    if (m_request.finishBy > 0) RETORT_CHECK(meetDeadline(spec));
    return spec;
  }

  Result<Json> run() {
    RETORT_CHECK(prepare());
    RETORT_TRY([[maybe_unused]] const auto imported, import());
    RETORT_TRY(const auto prompts, dataset());
    RETORT_TRY(const auto rows, answered(prompts));
    RETORT_TRY(const auto student, m_stage.train("student", "Training the student", [&] { return spec(rows); }));
    RETORT_TRY(const auto report, evaluated(rows, student));
    RETORT_TRY(const auto files, m_stage.exported(student, rows, join(m_request.formats, ","), m_request.out));
    RETORT_TRY(Json summary, summaryOf(m_stage.workspace().reports() / report, files));
    summary["workspace"] = m_stage.workspace().root().string();
    summary["dataset"] = rows.id;
    return summary;
  }

 private:
  /// The dataset with the local teacher's answers; the logged answers as they are.
  Result<data::Dataset> answered(const data::Dataset& prompts) {
    if (m_use == "responses") return prompts;
    return m_stage.dataset("answers", [&] {
      lab::AnswerOptions options;
      options.teacher = m_localTeacher;
      options.teacherName = m_request.teacher;
      options.name = m_request.name + ", answered";
      return lab::answerDataset(m_stage.workspace(), prompts, options, m_stage.progress(), m_stage.stop());
    });
  }

  /// Cuts the steps so that training ends by the deadline, a fifth of the time kept for what follows.
  Status meetDeadline(job::RunSpec& spec) const {
    RETORT_TRY(const auto forecast, run::estimate(spec));
    const double left = static_cast<double>(m_request.finishBy - utcMillis()) / 1000 * 0.8;
    if (forecast.secondsHigh <= 0 || forecast.secondsHigh <= left) return {};
    for (auto& method : spec.methods) {
      const auto steps = static_cast<std::int64_t>(static_cast<double>(method.steps > 0 ? method.steps : forecast.steps) * left / forecast.secondsHigh);
      if (steps < 20)
        return Error{"line.distil.deadline", "The deadline cannot be met", {}, formatDuration(std::max(0.0, left)) + " would be left for training, which needs about " + formatDuration(forecast.secondsHigh),
                     "Choose a later time, a smaller student or fewer rows.", {}, {}};
      method.steps = steps;
    }
    return {};
  }

  Result<std::string> evaluated(const data::Dataset& rows, const fs::path& student) {
    RETORT_TRY(const Json done, m_stage.once("evaluate", [&]() -> Result<Json> {
      report::EvaluateOptions options;
      options.dataset = rows.id;
      if (!m_localTeacher.empty()) options.models.push_back({m_request.teacher, m_localTeacher, "teacher", true});
      options.models.push_back({"base", m_student, "base", true});
      options.models.push_back({"student", student, "student", true});
      RETORT_TRY(const auto id, report::evaluate(m_stage.workspace(), options, m_stage.progress(), m_stage.stop()));
      return Json{{"report", id}};
    }));
    return done["report"].get<std::string>();
  }

  Stage m_stage;
  fs::path m_folder;
  const DistilRequest& m_request;
  const Workspace* m_home;
  fs::path m_student, m_localTeacher;
  std::string m_use;
};

/// A workspace in a temporary folder, removed at the end.
class TemporaryWorkspace {
 public:
  static Result<TemporaryWorkspace> make() {
    const char* base = std::getenv("TMPDIR");
    fs::path folder = fs::path(base && *base ? base : "/tmp") / ("retort-dry-" + newId());
    RETORT_TRY(auto workspace, Workspace::create(folder));
    return TemporaryWorkspace(std::move(workspace));
  }
  TemporaryWorkspace(TemporaryWorkspace&& other) noexcept : m_workspace(std::move(other.m_workspace)), m_owns(std::exchange(other.m_owns, false)) {}
  TemporaryWorkspace& operator=(TemporaryWorkspace&&) = delete;
  ~TemporaryWorkspace() {
    std::error_code error;
    if (m_owns) fs::remove_all(m_workspace.root(), error);
  }
  [[nodiscard]] const Workspace& workspace() const { return m_workspace; }

 private:
  explicit TemporaryWorkspace(Workspace workspace) : m_workspace(std::move(workspace)) {}
  Workspace m_workspace;
  bool m_owns = true;
};

}  // namespace

Json toJson(const DistilRequest& r) {
  return {{"logs", r.logs}, {"student", r.student}, {"teacher", r.teacher}, {"where", r.where}, {"golden", r.golden}, {"references", r.references}, {"use", r.use},
          {"recipe", r.recipe}, {"name", r.name}, {"split", r.split}, {"system", r.system}, {"formats", r.formats}, {"set", r.set}, {"finish_by", r.finishBy}, {"out", r.out}, {"seed", r.seed}};
}

Result<DistilRequest> distilRequestFromJson(const Json& json, std::string_view where) {
  DistilRequest r;
  ObjectReader reader(json, std::string(where));
  reader.optional("logs", r.logs).required("student", r.student).optional("teacher", r.teacher).optional("where", r.where).optional("golden", r.golden).optional("references", r.references);
  reader.optional("use", r.use).optional("recipe", r.recipe).optional("name", r.name).optional("split", r.split).optional("system", r.system).optional("formats", r.formats);
  reader.optional("set", r.set).optional("finish_by", r.finishBy).optional("out", r.out).optional("seed", r.seed);
  if (!reader.failed() && !r.use.empty() && r.use != "responses" && r.use != "prompts") reader.fail("use", "must be responses or prompts");
  RETORT_CHECK(reader.finish());
  if (r.name.empty()) r.name = "student";
  return r;
}

Result<Json> runDistil(const Workspace& workspace, const std::filesystem::path& folder, const DistilRequest& request, const ProgressFn& progress, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(auto ledger, Ledger::open(folder));
  return Distil(Stage(workspace, std::move(ledger), progress, stop), folder, request).run();
}

Result<DryRun> dryRun(const DistilRequest& request, const ProgressFn& progress, std::stop_token stop, const Workspace* workspace) {
  RETORT_TRY(const auto temporary, TemporaryWorkspace::make());
  const fs::path folder = temporary.workspace().jobs();
  RETORT_TRY(auto ledger, Ledger::open(folder));
  Distil distil(Stage(temporary.workspace(), std::move(ledger), progress, stop), folder, request, workspace);
  RETORT_CHECK(distil.prepare());
  DryRun out;
  RETORT_TRY(out.imported, distil.import());
  RETORT_TRY(const auto dataset, distil.dataset());
  out.dataset = dataset.card;
  RETORT_TRY(out.spec, distil.spec(dataset));
  RETORT_TRY(out.forecast, run::estimate(out.spec));
  return out;
}

}  // namespace retort::line

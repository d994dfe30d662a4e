// The demo's steps, in their order.
#include "line/demo.h"

#include <algorithm>

#include "base/files.h"
#include "data/dataset_build.h"
#include "job/row.h"
#include "lab/answers.h"
#include "lab/derive.h"
#include "line/stage.h"
#include "line/summary.h"
#include "logs/generate.h"
#include "logs/importer.h"
#include "models/library.h"
#include "models/model_source.h"
#include "models/prune.h"
#include "report/evaluator.h"
#include "run/estimate.h"

namespace retort::line {
namespace {

class Demo {
 public:
  Demo(Stage stage, fs::path folder, const DemoPreset& preset, const DemoSources& sources)
      : m_stage(std::move(stage)), m_folder(std::move(folder)), m_preset(preset), m_sources(sources) {}

  Result<Json> run() {
    RETORT_TRY(m_origin, models::Library(m_stage.workspace().root()).resolve(m_preset.model));
    RETORT_CHECK(logsIn());
    RETORT_TRY(const auto prompts, promptDataset());
    RETORT_TRY(const auto golden, goldenDataset(prompts));
    RETORT_TRY(const auto teacher, m_stage.train("teacher", "Tuning the teacher on golden examples", [&] { return spec("Teacher", golden, m_origin, m_preset.teacher, {}); }));
    RETORT_TRY(const auto answered, m_stage.dataset("answers", [&] {
      lab::AnswerOptions options;
      options.teacher = teacher;
      options.teacherName = "teacher";
      options.name = "Sample, answered by the teacher";
      return lab::answerDataset(m_stage.workspace(), prompts, options, m_stage.progress(), m_stage.stop());
    }));
    RETORT_TRY(const auto base, baseModel(teacher));
    RETORT_TRY(const auto student, m_stage.train("student", "Distilling the student", [&] { return spec("Student", answered, base, m_preset.student, teacher); }));
    RETORT_TRY(const auto answersOnly, m_stage.train("answers_only", "Training on answers only, to compare", [&] { return spec("Answers only", answered, base, m_preset.compare, {}); }));
    RETORT_TRY(const auto goldOnly, m_stage.train("gold_only", "Training on golden labels only, to compare", [&] { return spec("Golden labels only", golden, base, m_preset.compare, {}); }));
    RETORT_TRY(const auto report, evaluated(answered, teacher, base, student, answersOnly, goldOnly));
    RETORT_TRY(const auto files, m_stage.exported(student, answered, "hf,gguf:f16,gguf:q8_0", {}));
    RETORT_TRY(Json summary, summaryOf(m_stage.workspace().reports() / report, files));
    summary["workspace"] = m_stage.workspace().root().string();
    return summary;
  }

 private:
  bool isSample() const { return m_sources.logs.empty(); }
  fs::path sampleFolder() const { return m_stage.workspace().root() / "sample"; }

  Status logsIn() {
    const fs::path tree = sampleFolder() / "logs";
    if (isSample()) RETORT_CHECK(generate(tree));
    RETORT_TRY([[maybe_unused]] const Json imported, m_stage.once("import", [&]() -> Result<Json> {
      logs::ImportOptions options;
      options.sources = {tree};
      if (!isSample()) options.sources.assign(m_sources.logs.begin(), m_sources.logs.end());
      RETORT_TRY(const auto result, logs::importLogs(m_stage.workspace().logsDb(), options, m_stage.stop(), m_stage.progress()));
      return result.toJson();
    }));
    return {};
  }

  Status generate(const fs::path& tree) {
    RETORT_TRY([[maybe_unused]] const Json generated, m_stage.once("generate", [&]() -> Result<Json> {
      std::error_code error;
      fs::remove_all(sampleFolder(), error);  // a half-written tree of a killed start
      RETORT_CHECK(makeFolders(sampleFolder()));
      logs::GenerateOptions options;
      options.records = m_preset.records;
      options.seed = m_preset.seed;
      options.isTree = true;
      options.golden = m_preset.golden;
      RETORT_TRY(const auto result, logs::generateLogs(tree, options, m_stage.stop(), m_stage.progress()));
      return result.toJson();
    }));
    return {};
  }

  /// Prompts of the logs with the short system prompt; training and test rows cut to the preset's numbers.
  Result<data::Dataset> promptDataset() {
    return m_stage.dataset("prompts", [&]() -> Result<data::Dataset> {
      data::BuildOptions options;
      options.name = "Sample prompts";
      options.use = "prompts";
      options.golden = isSample() ? sampleFolder() / "logs.golden.jsonl" : fs::path(m_sources.golden);
      options.references = isSample() ? sampleFolder() / "logs.gold.jsonl" : fs::path(m_sources.references);
      options.split = m_sources.split.empty() ? m_preset.split : m_sources.split;
      options.seed = m_preset.seed;
      options.system = m_preset.systemPrompt;
      RETORT_TRY(const auto whole, data::buildDataset(m_stage.workspace(), options, m_stage.stop(), m_stage.progress()));
      RETORT_TRY(auto rows, lab::readDatasetRows(whole));
      if (static_cast<std::int64_t>(rows.train.size()) > m_preset.prompts) rows.train.resize(static_cast<std::size_t>(m_preset.prompts));
      if (static_cast<std::int64_t>(rows.test.size()) > m_preset.testRows) rows.test.resize(static_cast<std::size_t>(m_preset.testRows));
      lab::Derivation d;
      d.name = "Sample prompts, cut";
      d.how = "at most " + std::to_string(m_preset.prompts) + " training and " + std::to_string(m_preset.testRows) + " test rows";
      return lab::deriveDataset(m_stage.workspace(), whole, rows, d);
    });
  }

  /// The golden examples as training rows; one in ten watches the training.
  Result<data::Dataset> goldenDataset(const data::Dataset& prompts) {
    return m_stage.dataset("golden", [&]() -> Result<data::Dataset> {
      RETORT_TRY(auto rows, lab::readDatasetRows(prompts));
      rows.train.clear();
      rows.validation.clear();
      for (std::size_t i = 0; i < rows.golden.size(); ++i) (i % 10 == 9 ? rows.validation : rows.train).push_back(rows.golden[i]);
      lab::Derivation d;
      d.name = "Sample, golden examples";
      d.how = "golden examples as training rows";
      d.teacher = "gold";
      d.use = "responses";
      return lab::deriveDataset(m_stage.workspace(), prompts, rows, d);
    });
  }

  /// The student before training: some layers of the tuned teacher, as a file of its own, so that it can be measured.
  Result<fs::path> baseModel(const fs::path& teacher) {
    const fs::path target = m_folder / "base";
    RETORT_TRY([[maybe_unused]] const Json done, m_stage.once("base", [&]() -> Result<Json> {
      std::error_code error;
      fs::remove_all(target, error);
      RETORT_TRY(const auto model, models::openModel(teacher));
      RETORT_TRY(const auto kept, models::parseLayers(m_preset.layers, static_cast<int>(model->config().layers)));
      RETORT_CHECK(models::pruneModel(teacher, kept, target));
      return Json{{"path", target.string()}, {"layers", kept}};
    }));
    return target;
  }

  Result<job::RunSpec> spec(const std::string& name, const data::Dataset& dataset, const fs::path& student, const TrainPreset& preset, const fs::path& teacher) {
    job::RunSpec s;
    s.name = name;
    RETORT_TRY(s.student.model, modelRef(student, name == "Teacher" ? m_preset.model : "half of the teacher"));
    job::MethodSpec method;
    method.kind = teacher.empty() ? "sft" : "logit-kd";
    method.loss.topK = m_preset.topK;
    s.methods = {method};
    if (!teacher.empty()) {
      job::TeacherSpec t;
      RETORT_TRY(t.model, modelRef(teacher, "teacher"));
      s.teachers = {t};
    }
    s.data.dataset = dataset.id;
    s.data.path = dataset.folder.string();
    s.data.sha256 = dataset.sha256;
    s.data.maxTokens = 256;
    applyPreset(preset, s);
    s.train.checkpointEvery = static_cast<int>(std::max<std::int64_t>(1, preset.steps / 2));
    s.train.keepLast = 1;
    s.eval.every = static_cast<int>(std::max<std::int64_t>(1, preset.steps / 4));
    s.eval.rows = 48;
    s.eval.samples = 3;
    s.eval.sampleTokens = 12;
    s.seed = m_preset.seed;
    return s;
  }

  Result<std::string> evaluated(const data::Dataset& dataset, const fs::path& teacher, const fs::path& base, const fs::path& student, const fs::path& answersOnly,
                                const fs::path& goldOnly) {
    RETORT_TRY(const Json done, m_stage.once("evaluate", [&]() -> Result<Json> {
      report::EvaluateOptions options;
      options.dataset = dataset.id;
      options.latencyPrompts = m_preset.latencyPrompts;
      options.models = {{"teacher", teacher, "teacher", true}, {"base", base, "base", true}, {"student", student, "student", true},
                        {"student, answers only", answersOnly, "other", false}, {"student, golden labels only", goldOnly, "other", false}};
      RETORT_TRY(const auto id, report::evaluate(m_stage.workspace(), options, m_stage.progress(), m_stage.stop()));
      return Json{{"report", id}};
    }));
    return done["report"].get<std::string>();
  }

  Stage m_stage;
  fs::path m_folder;
  const DemoPreset& m_preset;
  const DemoSources& m_sources;
  fs::path m_origin;
};

}  // namespace

Result<Json> runDemo(const Workspace& workspace, const std::filesystem::path& folder, const DemoPreset& preset, const DemoSources& sources, const ProgressFn& progress, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(auto ledger, Ledger::open(folder));
  return Demo(Stage(workspace, std::move(ledger), progress, stop), folder, preset, sources).run();
}

double shrinkToMachine(DemoPreset& preset) {
  constexpr double kLongest = 12 * 60;  // seconds; the demo promises 15 minutes, and a forecast may be a fifth off
  const double forecast = forecastSeconds(preset);
  if (forecast <= kLongest) return 1;
  const double share = kLongest / forecast;
  for (TrainPreset* train : {&preset.teacher, &preset.student, &preset.compare})
    train->steps = std::max<std::int64_t>(15, static_cast<std::int64_t>(static_cast<double>(train->steps) * share));
  preset.prompts = std::max<std::int64_t>(200, static_cast<std::int64_t>(static_cast<double>(preset.prompts) * share));
  preset.seconds *= share;
  return share;
}

double forecastSeconds(const DemoPreset& preset) {
  const double flops = run::measuredFlops();
  return flops > 0 && preset.referenceGflops > 0 ? preset.seconds * preset.referenceGflops * 1e9 / flops : preset.seconds;
}

}  // namespace retort::line

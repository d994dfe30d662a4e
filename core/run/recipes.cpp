// From a recipe's word to every field of a run spec.
#include "run/recipes.h"

#include <algorithm>
#include <cmath>

#include "base/ids.h"
#include "models/library.h"
#include "models/model_source.h"

namespace retort::run {
namespace {

/// name, path and hash of a model named in any of the ways the library knows.
Result<job::ModelRef> modelRef(const Workspace& workspace, const std::string& text) {
  RETORT_TRY(const auto path, models::Library(workspace.root()).resolve(text));
  RETORT_TRY(const auto source, models::openModel(path));
  RETORT_TRY(const auto hash, models::modelSha256(path));
  return job::ModelRef{source->name().empty() ? text : source->name(), path.string(), hash};
}

Result<std::int64_t> rowsIn(const fs::path& file) {
  std::int64_t n = 0;
  LineTail tail(file);
  for (;;) {
    RETORT_TRY(const auto lines, tail.poll([&](std::string_view) { ++n; }));
    if (lines == 0) return n;
  }
}

bool isSmall(const models::DecoderConfig& config) { return config.parameters() < 200'000'000; }

}  // namespace

double loraLearningRate(const models::DecoderConfig& config) {
  const bool qwen = config.family.starts_with("qwen");
  if (!qwen && config.family != "llama") return 2e-4;
  return 5e-5 * 10 * std::pow(2000.0 / static_cast<double>(config.hidden), qwen ? 0.0775 : 0.781);
}

double fullLearningRate(const models::DecoderConfig& config, bool pruned) {
  if (isSmall(config)) return pruned ? 5e-4 : 2e-4;
  return loraLearningRate(config) / 10;
}

std::vector<int> everySecondLayer(std::int64_t layers) {
  std::vector<int> out;
  const std::int64_t keep = (layers + 1) / 2;
  for (std::int64_t i = 0; i < keep; ++i) out.push_back(static_cast<int>(keep > 1 ? (i * (layers - 1) + (keep - 1) / 2) / (keep - 1) : 0));
  return out;
}

int batchRows(std::int64_t rows) { return rows < 2000 ? 16 : rows < 10000 ? 32 : 64; }

int defaultEpochs(std::int64_t rows, int batch) {
  if (rows <= 0) return 1;
  return static_cast<int>(std::clamp(std::ceil(300.0 * batch / static_cast<double>(rows)), 1.0, 5.0));
}

Result<job::RunSpec> specFromRecipe(const Workspace& workspace, const RecipeInput& input) {
  const auto datasetName = [&](const std::string& id) {
    const auto card = readJsonFile(workspace.datasets() / id / "card.json");
    return card.ok() && card->is_object() ? card->value("name", std::string()) : std::string();
  };
  RETORT_TRY(const auto dataset, resolveProduct(workspace.datasets(), input.dataset, "dataset", datasetName));
  const fs::path folder = workspace.datasets() / dataset;
  RETORT_TRY(const Json card, readJsonFile(folder / "card.json"));
  job::RunSpec spec;
  spec.data.dataset = dataset;
  spec.data.path = folder.string();
  spec.data.sha256 = card.value("sha256", std::string());
  RETORT_TRY(spec.student.model, modelRef(workspace, input.student));
  RETORT_TRY(const auto source, models::openModel(spec.student.model.path));
  const auto& config = source->config();
  const bool wantsLogits = input.recipe == "better" || input.recipe == "best";
  if (!wantsLogits && input.recipe != "fast")
    return Error{"run.recipe.unknown", "The recipe \"" + shown(input.recipe) + "\" is unknown", {}, {}, "Choose fast, better or best.", {}, {}};
  if (!input.teacher.empty()) {
    job::TeacherSpec teacher;
    RETORT_TRY(teacher.model, modelRef(workspace, input.teacher));
    RETORT_TRY(const auto teacherSource, models::openModel(teacher.model.path));
    if (wantsLogits && teacherSource->config().vocab != config.vocab)
      return Error{"run.recipe.vocabulary", "The recipe " + input.recipe + " does not fit this pair", {},
                   "teacher and student have different vocabularies, so their logits cannot be compared", "Use --recipe fast, which learns from the answers.", {}, {}};
    spec.teachers.push_back(std::move(teacher));
  } else if (wantsLogits) {
    return Error{"run.recipe.teacher", "The recipe " + input.recipe + " needs a teacher", {}, "it learns from the teacher's logits", "Name a local model with --teacher, or use --recipe fast.", {}, {}};
  }
  RETORT_TRY(const std::int64_t rows, rowsIn(folder / "train.jsonl"));
  if (rows == 0) return Error{"run.recipe.rows", "The dataset " + dataset + " has no training rows", (folder / "train.jsonl").string(), {}, "Build it with a wider filter.", {}, {}};
  spec.train.batchRows = batchRows(rows);
  spec.student.tuning = isSmall(config) ? "full" : "lora";
  job::MethodSpec method;
  method.kind = wantsLogits ? "logit-kd" : "sft";
  method.learningRate = spec.student.tuning == "full" ? fullLearningRate(config, false) : loraLearningRate(config);
  method.steps = std::max<std::int64_t>(100, rows * defaultEpochs(rows, spec.train.batchRows) / spec.train.batchRows);
  if (spec.student.tuning == "lora") spec.train.weightDecay = 0;
  spec.methods = {method};
  if (input.recipe == "best") {
    // Then the student's own answers: 100 steps, 1e-4 for adapters and 5e-5 in full, half of it below a billion parameters.
    job::MethodSpec own;
    own.kind = "on-policy-kd";
    own.steps = 100;
    own.learningRate = (spec.student.tuning == "full" ? 5e-5 : 1e-4) * (config.parameters() < 1'000'000'000 ? 0.5 : 1);
    own.loss.divergence = "reverse-kl";
    own.loss.kdWeight = 1;
    own.loss.source = "live";
    own.onPolicy.every = 4;
    own.onPolicy.maxTokens = 512;
    spec.methods.push_back(own);
  }
  spec.eval.every = static_cast<int>(std::max<std::int64_t>(1, method.steps / 10));
  spec.train.checkpointEvery = spec.eval.every;
  spec.eval.patience = 3;
  spec.eval.keepBest = true;
  spec.name = input.name.empty() ? card.value("name", dataset) + " " + method.kind : input.name;
  return spec;
}

}  // namespace retort::run

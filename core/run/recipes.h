// Recipes: a complete run spec from a dataset, a student, a teacher and one word (reference: the recipe ladder and its defaults).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/workspace.h"
#include "job/run_spec.h"
#include "models/decoder_config.h"

namespace retort::run {

struct RecipeInput {
  std::string dataset;                     ///< id, prefix or name
  std::string student, teacher;            ///< names from the library, paths or run ids; teacher may be empty
  std::string recipe = "fast";             ///< fast (sft) | better (logit-kd) | best
  std::string name;
  bool answersFromTeacher = true;          ///< the dataset's rows hold the teacher's answers
};

/// Writes every field that decides the run: model hashes, learning rate and batch by formula, steps from the rows. A recipe that
/// does not fit (better without a local teacher of the same vocabulary) is refused with the reason and the one that does.
Result<job::RunSpec> specFromRecipe(const Workspace& workspace, const RecipeInput& input);

/// The rate for LoRA by hidden size: 5e-5 * 10 * (2000/H)^P, P .0775 (qwen), .781 (llama); others 2e-4.
[[nodiscard]] double loraLearningRate(const models::DecoderConfig& config);
/// The rate for full fine-tuning: LoRA's / 10; below 200 M parameters 2e-4, 5e-4 where layers were dropped.
[[nodiscard]] double fullLearningRate(const models::DecoderConfig& config, bool pruned);
/// Every second of `layers` layers, the first and the last among them: a student of about half the time a token.
[[nodiscard]] std::vector<int> everySecondLayer(std::int64_t layers);
/// Rows of an optimiser step: 16 below 2,000 rows, 32 below 10,000, else 64.
[[nodiscard]] int batchRows(std::int64_t rows);
/// clamp(ceil(300 * batch / n), 1, 5).
[[nodiscard]] int defaultEpochs(std::int64_t rows, int batch);

}  // namespace retort::run

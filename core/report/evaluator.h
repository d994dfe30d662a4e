// Judges models on a dataset's held-out rows: answers by the worker, references from the dataset, latency on this machine.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/workspace.h"

namespace retort::report {

struct ModelToEvaluate {
  std::string name;
  std::filesystem::path path;          ///< GGUF file or Hugging Face folder
  std::string role = "other";          ///< teacher | base | student | other
  bool measureLatency = true;
};

struct EvaluateOptions {
  std::string dataset;                 ///< id, prefix or name
  std::vector<ModelToEvaluate> models;
  std::string part = "test";           ///< test | validation
  int maxRows = 0;                     ///< 0: all
  int latencyPrompts = 64;             ///< measured requests (the first held-out prompts), after 3 warm-ups
  std::string dtype = "bf16";
};

/// Greedy answers of every model for every row (cached by model, prompt and settings), right or wrong by the dataset's plan, and the
/// Report reports/<id>/ {report.json, rows.jsonl, report.html}. References come from references.jsonl, else the rows' own targets where
/// there are no annotations at all; rows without one are left out and counted. Where annotations judge and no teacher is named, the
/// teacher's logged answers are scored too. Returns the id.
Result<std::string> evaluate(const Workspace& workspace, const EvaluateOptions& options, const ProgressFn& progress = {}, std::stop_token stop = {});

}  // namespace retort::report

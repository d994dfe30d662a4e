// What is exported: a run's student (its saved file) or any model of the library, with all that is known of where it came from.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "exports/facts.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::exports {

struct Student {
  std::filesystem::path path;               ///< Hugging Face folder or GGUF file
  std::filesystem::path adapter;            ///< the run's PEFT folder; empty when there is none
  std::string name;                         ///< for file names: letters, digits, dot, dash
  std::string run;                          ///< run id; empty for a plain model
  std::string sha256;
  Json spec;                                ///< the run's spec.json, or null
  Json dataset;                             ///< {"id","name","sha256"} or null
  Json report;                              ///< {"id", "metrics":…} of the run's newest report, or null
  std::shared_ptr<const models::ModelSource> source;
  models::TextParts text;
  TextFacts facts;
};

/// `text` is a run (id, prefix, name), a library name or a path. `workspace` may be empty.
Result<Student> findStudent(const std::filesystem::path& workspace, std::string_view text);
/// A model folder or file as the student, without a workspace (tests, demo).
Result<Student> studentFrom(const std::filesystem::path& model, const std::filesystem::path& adapter = {}, std::string_view name = {});

}  // namespace retort::exports

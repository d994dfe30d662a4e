// The writers of one export format each, into an existing folder.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "exports/student.h"
#include "exports/target.h"
#include "models/gguf_writer.h"

namespace retort::exports {

/// A GGUF of the student, ready to be written; `notes` receives the fallbacks by kind.
Result<models::GgufWriter> ggufOf(const Student& student, const Target& target, std::vector<std::string>* notes = nullptr);
/// A Hugging Face folder in bf16 (f32 and f16 sources are rounded once): weights, configs with every stop id, tokenizer files
/// byte for byte, chat template, README.md.
Status writeHf(const Student& student, const std::filesystem::path& folder, std::string_view readme);
/// The run's adapter, read, checked against the student and copied byte for byte.
Status writeAdapterCopy(const Student& student, const std::filesystem::path& folder);
/// Bytes of writeHf's weights.
[[nodiscard]] std::uint64_t hfBytes(const Student& student);
/// README.md of a Hugging Face folder: licence, base model, data and its hash, recipe, metrics.
[[nodiscard]] std::string modelCard(const Student& student);

}  // namespace retort::exports

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
/// A Hugging Face folder in `dtype` (bf16, f16 or f32; wider sources are rounded once): weights, configs with every stop id,
/// tokenizer files byte for byte, chat template, README.md.
Status writeHf(const Student& student, const std::filesystem::path& folder, std::string_view readme, std::string_view dtype = "bf16");
/// The run's adapter, read, checked against the student and copied byte for byte.
Status writeAdapterCopy(const Student& student, const std::filesystem::path& folder);
/// The run's adapter as GGUF (f32), for servers that take `--lora`; B rows of q and k in the order of the model's own GGUF.
Status writeGgufAdapter(const Student& student, const std::filesystem::path& file);
/// A Modelfile for a GGUF in the same folder: template, default system text, stops, licence.
Result<std::string> modelfileOf(const Student& student, std::string_view ggufName);
/// The Bedrock Custom Model Import rules that can be checked here: architecture, context, name.
Status checkBedrockImport(const Student& student);
/// IMPORT.md: the two `aws` commands.
[[nodiscard]] std::string bedrockImportNote(const Student& student);
/// Command lines that serve a made file, for people; empty when there is none.
[[nodiscard]] std::vector<std::string> serveCommands(const Target& target, std::string_view path, const Student& student);
/// Bytes of writeHf's weights.
[[nodiscard]] std::uint64_t hfBytes(const Student& student, std::string_view dtype = "bf16");
/// README.md of a Hugging Face folder: licence, base model, data and its hash, recipe, metrics.
[[nodiscard]] std::string modelCard(const Student& student);

}  // namespace retort::exports

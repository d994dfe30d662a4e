// A student as a Hugging Face folder, and its model card.
#include <algorithm>

#include "base/files.h"
#include "base/format.h"
#include "exports/write.h"
#include "models/hf_writer.h"

namespace retort::exports {
namespace {

std::vector<models::TensorToWrite> tensorsAs(const Student& student, std::string_view dtype) {
  const auto type = dtype == "f32" ? models::GgmlType::f32 : dtype == "f16" ? models::GgmlType::f16 : models::GgmlType::bf16;
  const auto same = dtype == "f32" ? models::DType::f32 : dtype == "f16" ? models::DType::f16 : models::DType::bf16;
  std::vector<models::TensorToWrite> out;
  for (const auto& info : student.source->tensors())
    out.push_back({info.name, dtype == "f32" ? "F32" : dtype == "f16" ? "F16" : "BF16", info.shape, [source = student.source, info, type, same](std::span<std::byte> bytes) -> Status {
                     if (info.dtype == same) return source->readRaw(info, bytes);
                     std::vector<float> values(bytes.size() / models::ggmlTraits(type).bytes);
                     RETORT_CHECK(source->readF32(info, values));
                     return models::quantise(type, values, bytes);
                   }});
  return out;
}

Json memberOf(const Json& object, const char* key) { return object.is_object() && object.contains(key) ? object[key] : Json(); }
std::string textOf(const Json& value) { return value.is_string() ? value.get<std::string>() : value.is_null() ? std::string() : value.dump(); }

void addRecipe(std::string& out, const Json& spec) {
  const Json methods = memberOf(spec, "methods");
  if (!methods.is_array() || methods.empty()) return;
  out += "\n## Recipe\n\n| method | steps | epochs | learning rate |\n|---|---|---|---|\n";
  for (const Json& method : methods)
    out += fill("| {} | {} | {} | {} |\n", {textOf(memberOf(method, "kind")), textOf(memberOf(method, "steps")), textOf(memberOf(method, "epochs")), textOf(memberOf(method, "learning_rate"))});
  const Json student = memberOf(spec, "student"), model = memberOf(student, "model");
  out += fill("\nStudent started from {} (sha256 {}), tuning {}.\n", {textOf(memberOf(model, "name")), textOf(memberOf(model, "sha256")), textOf(memberOf(student, "tuning"))});
  for (const Json& teacher : memberOf(spec, "teachers"))
    out += fill("Teacher: {} (sha256 {}).\n", {textOf(memberOf(memberOf(teacher, "model"), "name")), textOf(memberOf(memberOf(teacher, "model"), "sha256"))});
  out += fill("Seed {}.\n", {textOf(memberOf(spec, "seed"))});
}

}  // namespace

std::uint64_t hfBytes(const Student& student, std::string_view dtype) { return models::safetensorsFileSize(tensorsAs(student, dtype)) + (8u << 20); }

std::string modelCard(const Student& student) {
  const std::string licence = student.source->licence();
  const Json base = memberOf(memberOf(student.spec, "student"), "model");
  std::string out = "---\n";
  if (!licence.empty()) out += "license: " + licence + "\n";
  out += "library_name: transformers\npipeline_tag: text-generation\ntags:\n- distillation\n- retort\n---\n\n# " + student.name + "\n\n";
  out += fill("A {} decoder of {} parameters and {} layers, distilled with Retort.\n", {student.source->config().family, formatCount(student.source->config().parameters()), std::to_string(student.source->config().layers)});
  out += fill("\nWeights: sha256 {}.\n", {student.sha256});
  if (!student.run.empty()) out += "Run: " + student.run + ".\n";
  if (student.dataset.is_object())
    out += fill("\n## Data\n\nDataset {} {} with fingerprint {}.\n", {textOf(memberOf(student.dataset, "name")), textOf(memberOf(student.dataset, "id")), textOf(memberOf(student.dataset, "sha256"))});
  addRecipe(out, student.spec);
  if (student.report.is_object()) out += "\n## Evaluation\n\nReport " + textOf(memberOf(student.report, "id")) + ":\n\n```json\n" + student.report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n```\n";
  out += "\n## Licence\n\n" + (licence.empty() ? "The model it was made from states no licence; find out before you pass it on.\n" : "The model it was made from is under " + licence + "; its terms go on to hold.\n");
  std::string stops;
  for (const auto id : student.text.stopIds) stops += (stops.empty() ? "" : ", ") + std::string(student.text.tokenizer->tokenText(id)) + " (" + std::to_string(id) + ")";
  return out + "\nAn answer ends with " + stops + ".\n";
}

Status writeHf(const Student& student, const fs::path& folder, std::string_view readme, std::string_view dtype) {
  RETORT_CHECK(makeFolders(folder));
  models::HfFolderContent content;
  content.config = student.source->config();
  content.config.eosIds = student.text.stopIds;
  content.tensors = tensorsAs(student, dtype);
  content.dtype = dtype == "f32" ? "float32" : dtype == "f16" ? "float16" : "bfloat16";
  RETORT_TRY(content.tokenizer, student.source->tokenizerFiles());
  RETORT_TRY(const auto names, models::writeHfFolder(folder, std::move(content)));
  (void)names;
  return writeFileAtomically(folder / "README.md", readme);
}

}  // namespace retort::exports

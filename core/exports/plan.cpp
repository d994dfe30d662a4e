// Planning an export.
#include "exports/plan.h"

#include "base/files.h"
#include "exports/chat_shape.h"
#include "exports/write.h"

namespace retort::exports {

Json Plan::toJson() const {
  Json list = Json::array();
  for (const auto& t : targets) list.push_back({{"format", t.target.format()}, {"path", t.path}, {"bytes", t.bytes}, {"notes", t.notes}});
  return {{"targets", list}, {"bytes", bytes}};
}

namespace {

Result<PlannedTarget> planTarget(const Student& student, const Target& target) {
  PlannedTarget planned;
  planned.target = target;
  if (target.isAdapter()) {
    std::error_code code;
    if (student.adapter.empty())
      return Error{"exports.adapter.none", student.name + " has no adapter to export", student.path.string(), "the run trained all weights, or this is no run",
                   "Leave out " + target.format() + ", or train with tuning lora", "", {}};
    planned.path = target.kind == Kind::adapter ? "adapter" : student.name + "-lora.gguf";
    planned.bytes = fs::file_size(student.adapter / "adapter_model.safetensors", code) + 65536;
  } else if (target.hasGguf()) {
    if (target.kind == Kind::ollama) RETORT_CHECK(chatShape(student.text, student.name));
    planned.path = target.kind == Kind::ollama ? "ollama-" + target.suffix() : student.name + "-" + target.suffix() + ".gguf";
    RETORT_TRY(const auto writer, ggufOf(student, target, &planned.notes));
    planned.bytes = writer.fileSize();
  } else {
    if (target.kind == Kind::bedrockImport) RETORT_CHECK(checkBedrockImport(student));
    planned.path = target.kind == Kind::bedrockImport ? "bedrock-import" : target.type == "bf16" || target.type.empty() ? "hf" : "hf-" + target.type;
    planned.bytes = hfBytes(student, target.type);
  }
  return planned;
}

}  // namespace

fs::path modelFileOf(const Target& target, const fs::path& path) { return target.kind == Kind::ollama ? path / "model.gguf" : path; }

Result<Plan> planExport(const Student& student, const std::vector<Target>& targets) {
  Plan plan;
  for (const auto& target : targets) {
    RETORT_TRY(auto planned, planTarget(student, target));
    plan.bytes += planned.bytes;
    plan.targets.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace retort::exports

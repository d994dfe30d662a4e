// Planning an export.
#include "exports/plan.h"

#include "base/files.h"
#include "exports/write.h"
#include "models/adapter.h"

namespace retort::exports {

Json Plan::toJson() const {
  Json list = Json::array();
  for (const auto& t : targets) list.push_back({{"format", t.target.format()}, {"path", t.path}, {"bytes", t.bytes}, {"notes", t.notes}});
  return {{"targets", list}, {"bytes", bytes}};
}

Result<Plan> planExport(const Student& student, const std::vector<Target>& targets) {
  Plan plan;
  for (const auto& target : targets) {
    PlannedTarget planned;
    planned.target = target;
    if (target.kind == Kind::hf) {
      planned.path = "hf";
      planned.bytes = hfBytes(student);
    } else if (target.kind == Kind::adapter) {
      planned.path = "adapter";
      std::error_code code;
      if (student.adapter.empty())
        return Error{"exports.adapter.none", student.name + " has no adapter to export", student.path.string(), "the run trained all weights, or this is no run",
                     "Leave out adapter, or train with tuning lora", "", {}};
      planned.bytes = fs::file_size(student.adapter / "adapter_model.safetensors", code) + 4096;
    } else {
      planned.path = student.name + "-" + target.suffix() + ".gguf";
      RETORT_TRY(const auto writer, ggufOf(student, target, &planned.notes));
      planned.bytes = writer.fileSize();
    }
    plan.bytes += planned.bytes;
    plan.targets.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace retort::exports

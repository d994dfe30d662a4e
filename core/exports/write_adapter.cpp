// A run's adapter: the PEFT folder byte for byte, or a GGUF file for servers that add it to the base model.
#include <algorithm>
#include <map>

#include "base/files.h"
#include "exports/write.h"
#include "models/adapter.h"

namespace retort::exports {

Status writeAdapterCopy(const Student& student, const fs::path& folder) {
  RETORT_TRY(const auto adapter, models::readAdapter(student.adapter));
  RETORT_CHECK(models::checkAdapterFits(adapter, student.source->config(), student.adapter.string()));
  RETORT_CHECK(makeFolders(folder));
  for (const char* name : {"adapter_model.safetensors", "adapter_config.json"}) {
    RETORT_TRY(const auto bytes, readFile(student.adapter / name, 16ull << 30));
    RETORT_CHECK(writeFileAtomically(folder / name, bytes));
  }
  return {};
}

Status writeGgufAdapter(const Student& student, const fs::path& file) {
  const models::DecoderConfig& config = student.source->config();
  RETORT_TRY(const auto adapter, models::readAdapter(student.adapter));
  RETORT_CHECK(models::checkAdapterFits(adapter, config, student.adapter.string()));
  std::map<std::string, models::ExpectedTensor> expected;
  for (auto& tensor : models::expectedTensors(config)) expected[tensor.name] = tensor;
  models::GgufWriter w;
  w.text("general.architecture", models::ggufArchitecture(config.family));
  w.text("general.type", "adapter");
  w.text("general.name", student.name);
  w.u32("general.file_type", 0);
  w.text("adapter.type", "lora");
  // Readers divide by the rank; for a rank-stabilised adapter that must give alpha / sqrt(r).
  w.f32("adapter.lora.alpha", static_cast<float>(adapter.scale() * adapter.rank));
  for (const auto& pair : adapter.pairs) {
    const auto& tensor = expected.at(pair.module + ".weight");
    const auto put = [&](const char* suffix, std::vector<std::int64_t> shape, const std::vector<float>& values, bool rotate) {
      w.tensor(tensor.ggufName + suffix, shape, models::GgmlType::f32, [values, rows = shape[0], head = config.headDim, rotate](std::span<std::byte> out) -> Status {
        std::copy_n(reinterpret_cast<const std::byte*>(values.data()), out.size(), out.data());
        if (rotate) models::reorderRows(out, rows, head, true);
        return {};
      });
    };
    put(".lora_a", {pair.rank, pair.in}, pair.a, false);
    put(".lora_b", {pair.out, pair.rank}, pair.b, tensor.order == models::RowOrder::rotated);
  }
  return w.write(file);
}

}  // namespace retort::exports

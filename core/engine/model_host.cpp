// Loading a model with everything that asking it needs.
#include "engine/model_host.h"

#include <algorithm>
#include <map>

#include "engine/lora.h"
#include "models/adapter.h"

namespace retort::engine {
namespace {

Result<at::ScalarType> scalarType(const std::string& dtype, const models::ModelSource& source, const Device& device) {
  if (dtype == "bf16" || dtype == "int8" || dtype == "int4") return at::kBFloat16;
  if (dtype == "f32") return at::kFloat;
  if (dtype != "as-is")
    return Error{"engine.dtype.unknown", "The type " + shown(dtype) + " is not known", "--dtype", "it is none of bf16, f32, int8, int4, as-is", "Use one of these", {}, {}};
  // The type of the largest tensor decides; half precision has no fast products on the CPU.
  const auto largest = std::max_element(source.tensors().begin(), source.tensors().end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (largest == source.tensors().end() || largest->dtype == models::DType::f32) return at::kFloat;
  return largest->dtype == models::DType::f16 && device.isCuda() ? at::kHalf : at::kBFloat16;
}

}  // namespace

Status attachAdapter(Decoder& decoder, const std::filesystem::path& folder) {
  RETORT_TRY(const auto adapter, models::readAdapter(folder));
  RETORT_CHECK(models::checkAdapterFits(adapter, decoder.config, folder.string()));
  std::map<std::string, const models::AdapterPair*> byModule;
  for (const auto& pair : adapter.pairs) byModule[pair.module] = &pair;
  const double scale = adapter.scale();
  forEachProjection(decoder, [&](const std::string& module, Linear& linear, std::int64_t begin, std::int64_t end) {
    const auto found = byModule.find(module);
    if (found == byModule.end()) return;
    const auto& pair = *found->second;
    const auto tensor = [&](const std::vector<float>& values, std::int64_t rows, std::int64_t columns) {
      return at::tensor(values, at::kFloat).view({rows, columns}).to(decoder.device());
    };
    linear.lora.push_back({begin, end, tensor(pair.a, pair.rank, pair.in), tensor(pair.b, pair.out, pair.rank), scale, 0});
  });
  return {};
}

Result<ModelHost> loadHost(const std::filesystem::path& path, const std::string& dtype, const Device& device, const std::filesystem::path& adapter,
                           const ProgressFn& progress) {
  ModelHost host;
  host.device = device;
  RETORT_TRY(host.source, models::openModel(path));
  RETORT_TRY(const at::ScalarType type, scalarType(dtype, *host.source, device));
  host.dtype = type == at::kFloat ? "f32" : type == at::kHalf ? "f16" : "bf16";
  RETORT_TRY(host.text, models::textParts(*host.source));
  RETORT_TRY(host.decoder, loadDecoder(*host.source, type, device.device, {}, progress));
  if (!adapter.empty()) {
    RETORT_CHECK(guarded("Laying the adapter over the model", [&]() -> Status {
      const c10::NoGradGuard noGrad;
      RETORT_CHECK(attachAdapter(host.decoder, adapter));
      mergeLora(host.decoder);
      return {};
    }));
  }
  if (dtype == "int8" || dtype == "int4") {
    RETORT_CHECK(compressForDecoding(host.decoder, dtype == "int8" ? 8 : 4));
    host.dtype = dtype;
  }
  host.stopIds = host.text.stopIds;
  for (const auto id : host.source->config().eosIds)
    if (std::find(host.stopIds.begin(), host.stopIds.end(), id) == host.stopIds.end()) host.stopIds.push_back(id);
  return host;
}

}  // namespace retort::engine

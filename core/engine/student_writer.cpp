// The student as its saved file.
#include "engine/student_writer.h"

#include "base/files.h"
#include "engine/lora.h"
#include "engine/tensor_file.h"
#include "engine/tensor_more.h"
#include "models/adapter.h"
#include "models/hf_writer.h"

namespace retort::engine {
namespace {

/// Fills a hidden folder by `fill` and puts it in `target`'s place.
Status replaceFolder(const fs::path& target, const std::function<Status(const fs::path&)>& fill) {
  std::error_code code;
  fs::remove_all(target, code);
  RETORT_TRY(FolderInTheMaking folder, FolderInTheMaking::begin(target));
  RETORT_CHECK(fill(folder.path()));
  RETORT_CHECK(syncFolder(folder.path()));
  return folder.commit();
}

}  // namespace

Status writeStudent(const fs::path& target, const models::DecoderConfig& config, std::vector<NamedHostTensor> tensors,
                    const models::ModelSource& source, const std::vector<text::TokenId>& stopIds) {
  models::HfFolderContent content;
  content.config = config;
  if (content.config.eosIds.empty()) content.config.eosIds = stopIds;
  content.tensors = tensorsToWrite(std::move(tensors));
  RETORT_TRY(content.tokenizer, source.tokenizerFiles());
  return replaceFolder(target, [&](const fs::path& folder) -> Status {
    auto names = models::writeHfFolder(folder, std::move(content));
    return names.ok() ? Status{} : Status{names.error()};
  });
}

Status writeAdapterFolder(const fs::path& target, Decoder& decoder, const job::LoraSpec& spec, const std::string& baseModel) {
  models::Adapter adapter;
  adapter.baseModel = baseModel;
  adapter.rank = spec.rank;
  adapter.alpha = spec.alpha;
  adapter.dropout = spec.dropout;
  adapter.rankStabilised = spec.rankStabilised;
  adapter.targetModules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  forEachProjection(decoder, [&](const std::string& module, Linear& linear, std::int64_t rowBegin, std::int64_t) {
    for (const auto& part : linear.lora) {
      if (part.rowBegin != rowBegin) continue;
      const auto values = [](const at::Tensor& t) {
        const at::Tensor host = t.detach().to(at::kFloat).cpu().contiguous();
        return std::vector<float>(host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
      };
      adapter.pairs.push_back({module, part.a.size(0), part.a.size(1), part.b.size(0), values(part.a), values(part.b)});
    }
  });
  return replaceFolder(target, [&](const fs::path& folder) { return models::writeAdapter(folder, adapter); });
}

Decoder mergedCopy(const Decoder& decoder, at::ScalarType dtype) {
  const c10::AutoGradMode off(false);
  Decoder copy = decoder;                    // tensors are shared until replaced
  mergeLora(copy);
  const auto convert = [&](at::Tensor& t) {
    if (t.defined()) t = t.detach().to(dtype);
  };
  for (at::Tensor* t : {&copy.embedding, &copy.finalNorm, &copy.head.weight, &copy.head.bias}) convert(*t);
  for (auto& layer : copy.layers) {
    for (at::Tensor* t : {&layer.inputNorm, &layer.postNorm, &layer.qNorm, &layer.kNorm}) convert(*t);
    for (Linear* l : {&layer.qkv, &layer.o, &layer.gateUp, &layer.down}) convert(l->weight), convert(l->bias);
  }
  return copy;
}

}  // namespace retort::engine

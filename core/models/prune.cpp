// Depth pruning: the kept layers' tensors under their new numbers.
#include "models/prune.h"

#include <charconv>
#include <cstring>

#include "base/files.h"
#include "base/format.h"
#include "models/half.h"
#include "models/hf_writer.h"
#include "models/model_source.h"

namespace retort::models {
namespace {

constexpr std::string_view kLayerPrefix = "model.layers.";

/// The tensor's name in the pruned model; empty when its layer is left out.
std::string renamed(const std::string& name, const std::vector<int>& kept) {
  if (!name.starts_with(kLayerPrefix)) return name;
  const std::size_t dot = name.find('.', kLayerPrefix.size());
  int layer = -1;
  std::from_chars(name.data() + kLayerPrefix.size(), name.data() + dot, layer);
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] == layer) return std::string(kLayerPrefix) + std::to_string(i) + name.substr(dot);
  return {};
}

Status fillBf16(const ModelSource& model, const TensorInfo& tensor, std::span<std::byte> out) {
  std::vector<float> values(out.size() / 2);
  RETORT_CHECK(model.readF32(tensor, values));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t half = bf16FromFloat(values[i]);
    std::memcpy(out.data() + 2 * i, &half, 2);
  }
  return {};
}

Result<int> number(std::string_view text, int layers) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value >= layers)
    return Error{"models.layers.syntax", "\"" + shown(text) + "\" is no layer", {}, "layers are numbered 0 to " + std::to_string(layers - 1), {}, {}, {}};
  return value;
}

}  // namespace

Status pruneModel(const std::filesystem::path& source, const std::vector<int>& kept, const std::filesystem::path& target) {
  RETORT_TRY(const auto model, openModel(source));
  for (const int layer : kept)
    if (layer < 0 || layer >= model->config().layers)
      return Error{"models.layers.range", source.string() + " has no layer " + std::to_string(layer), {}, "it has " + std::to_string(model->config().layers), {}, {}, {}};
  HfFolderContent content;
  content.config = model->config().withLayers(kept);
  RETORT_TRY(content.tokenizer, model->tokenizerFiles());
  for (const auto& tensor : model->tensors()) {
    const std::string name = renamed(tensor.name, kept);
    if (name.empty()) continue;
    content.tensors.push_back({name, "BF16", tensor.shape, [model, tensor](std::span<std::byte> out) { return fillBf16(*model, tensor, out); }});
  }
  RETORT_TRY(auto folder, FolderInTheMaking::begin(target));
  RETORT_TRY([[maybe_unused]] const auto names, writeHfFolder(folder.path(), std::move(content)));
  return folder.commit();
}

Result<std::vector<int>> parseLayers(std::string_view text, int layers) {
  std::vector<int> kept;
  if (text.starts_with("every:")) {
    RETORT_TRY(const int step, number(text.substr(6), layers + 1));
    for (int i = 0; step > 0 && i < layers; i += step) kept.push_back(i);
  } else {
    for (const auto part : splitView(text, ',')) {
      const auto dash = part.find('-');
      RETORT_TRY(const int first, number(trimmed(part.substr(0, dash)), layers));
      RETORT_TRY(const int last, number(trimmed(dash == std::string_view::npos ? part : part.substr(dash + 1)), layers));
      for (int i = first; i <= last; ++i) kept.push_back(i);
    }
  }
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (i > 0 && kept[i] <= kept[i - 1]) return Error{"models.layers.order", "\"" + shown(text) + "\" does not rise", {}, "each layer may be kept once, in order", {}, {}, {}};
  if (kept.empty()) return Error{"models.layers.none", "\"" + shown(text) + "\" keeps no layer", {}, {}, "Write for example every:2", {}, {}};
  return kept;
}

}  // namespace retort::models

// Names of export formats, and the type of each tensor of a GGUF (reference model-files section 2).
#include "exports/target.h"

#include <algorithm>
#include <array>

#include "base/format.h"

namespace retort::exports {
namespace {

using models::GgmlType;

struct TypeRow {
  std::string_view name;
  GgmlType base;
  std::uint32_t fileType;
};

constexpr std::array kTypes = {TypeRow{"f32", GgmlType::f32, 0},     TypeRow{"f16", GgmlType::f16, 1},     TypeRow{"bf16", GgmlType::bf16, 32},
                               TypeRow{"q8_0", GgmlType::q8_0, 7},   TypeRow{"q6_k", GgmlType::q6_k, 18},  TypeRow{"q5_1", GgmlType::q5_1, 9},
                               TypeRow{"q5_0", GgmlType::q5_0, 8},   TypeRow{"q4_k_m", GgmlType::q4_k, 15}, TypeRow{"q4_1", GgmlType::q4_1, 3},
                               TypeRow{"q4_0", GgmlType::q4_0, 2}};

const TypeRow* rowOf(std::string_view name) {
  for (const auto& row : kTypes)
    if (row.name == name) return &row;
  return nullptr;
}

/// The layer number in "blk.N.…"; -1 elsewhere.
std::int64_t layerOf(std::string_view ggufName) { return ggufName.starts_with("blk.") ? std::atoll(ggufName.data() + 4) : -1; }

/// Layers whose v and down projections get more bits in Q4_K_M.
bool moreBits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

}  // namespace

std::string Target::format() const { return kind == Kind::hf ? "hf" : kind == Kind::adapter ? "adapter" : "gguf:" + type; }

std::uint32_t Target::fileType() const {
  const TypeRow* row = rowOf(type);
  return row != nullptr ? row->fileType : 0;
}

std::string Target::suffix() const {
  std::string out = type;
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

bool Target::isQuantised() const {
  const TypeRow* row = rowOf(type);
  return kind == Kind::gguf && row != nullptr && models::ggmlTraits(row->base).elements > 1;
}

const std::vector<std::string>& ggufTypeNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& row : kTypes) out.emplace_back(row.name);
    return out;
  }();
  return names;
}

Result<std::vector<Target>> parseTargets(std::string_view text) {
  std::vector<Target> out;
  bool afterGguf = false;
  for (const auto part : splitView(text, ',')) {
    const std::string word = lowerAscii(trimmed(part));
    if (word.empty()) continue;
    Target target;
    std::string type = word.starts_with("gguf:") ? word.substr(5) : afterGguf ? word : std::string();
    if (word == "hf" || word == "adapter") target.kind = word == "hf" ? Kind::hf : Kind::adapter;
    else if (type == "q4_k") type = "q4_k_m";
    if (word != "hf" && word != "adapter") {
      if (rowOf(type) == nullptr)
        return Error{"exports.target.unknown", "There is no export format " + shown(word), "--to", "the formats are hf, adapter and gguf:TYPE with " + join(ggufTypeNames(), ", "),
                     "Choose one or more of them, separated by commas", "", {}};
      target.kind = Kind::gguf;
      target.type = type;
    }
    afterGguf = target.kind == Kind::gguf;
    if (std::none_of(out.begin(), out.end(), [&](const Target& other) { return other.format() == target.format(); })) out.push_back(target);
  }
  if (out.empty()) return Error{"exports.target.unknown", "No export format is given", "--to", "the list is empty", "Write --to hf,gguf:q8_0 for example", "", {}};
  return out;
}

models::GgmlType tensorType(const Target& target, const models::ExpectedTensor& tensor, std::int64_t layers, bool tied, std::string* why) {
  const TypeRow* row = rowOf(target.type);
  if (row == nullptr || tensor.shape.size() < 2) return GgmlType::f32;   // norms and biases
  if (!target.isQuantised()) return row->base;
  GgmlType type = row->base;
  const bool head = tensor.ggufName == "output.weight" || (tied && tensor.ggufName == "token_embd.weight");
  if (head && type != GgmlType::q8_0) type = GgmlType::q6_k;
  const bool valueOrDown = tensor.ggufName.find("attn_v") != std::string::npos || tensor.ggufName.find("ffn_down") != std::string::npos;
  if (row->name == "q4_k_m" && valueOrDown && moreBits(layerOf(tensor.ggufName), layers)) type = GgmlType::q6_k;
  const GgmlType wanted = type;
  const std::int64_t width = tensor.shape.back();
  if (width % 256 != 0 && type == GgmlType::q4_k) type = GgmlType::q5_0;
  if (width % 256 != 0 && type == GgmlType::q6_k) type = GgmlType::q8_0;
  if (width % 32 != 0) type = GgmlType::f16;
  if (why != nullptr && type != wanted)
    *why = std::string(models::ggmlTraits(type).name) + " instead of " + std::string(models::ggmlTraits(wanted).name) + ": its rows have " + std::to_string(width) + " values, no multiple of " +
           std::to_string(models::ggmlTraits(wanted).elements);
  return type;
}

}  // namespace retort::exports

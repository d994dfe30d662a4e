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

constexpr std::array kTypes = {TypeRow{"f32", GgmlType::f32, 0},      TypeRow{"f16", GgmlType::f16, 1},      TypeRow{"bf16", GgmlType::bf16, 32},
                               TypeRow{"q8_0", GgmlType::q8_0, 7},    TypeRow{"q6_k", GgmlType::q6_k, 18},   TypeRow{"q5_k_m", GgmlType::q5_k, 17},
                               TypeRow{"q5_1", GgmlType::q5_1, 9},    TypeRow{"q5_0", GgmlType::q5_0, 8},    TypeRow{"q4_k_m", GgmlType::q4_k, 15},
                               TypeRow{"q4_k_s", GgmlType::q4_k, 14}, TypeRow{"q4_1", GgmlType::q4_1, 3},    TypeRow{"q4_0", GgmlType::q4_0, 2},
                               TypeRow{"q3_k_m", GgmlType::q3_k, 12}, TypeRow{"q2_k", GgmlType::q2_k, 10}};

const TypeRow* rowOf(std::string_view name) {
  for (const auto& row : kTypes)
    if (row.name == name) return &row;
  return nullptr;
}

/// The layer number in "blk.N.…"; -1 elsewhere.
std::int64_t layerOf(std::string_view ggufName) { return ggufName.starts_with("blk.") ? std::atoll(ggufName.data() + 4) : -1; }

/// Layers whose v and down projections get more bits in the mixed types: the first and last eighth and every third between.
bool moreBits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

/// The wanted type of a projection in a mixed type. Errors of v and down hurt most, so they get more bits; in the small types the
/// output projection too.
GgmlType mixedType(std::string_view name, GgmlType base, std::string_view tensor, std::int64_t layers) {
  const auto has = [&](std::string_view part) { return tensor.find(part) != std::string_view::npos; };
  const bool value = has("attn_v"), down = has("ffn_down"), output = has("attn_output");
  const std::int64_t layer = layerOf(tensor);
  if ((name == "q4_k_m" || name == "q5_k_m") && (value || down) && moreBits(layer, layers)) return GgmlType::q6_k;
  if (name == "q4_k_s" && (value || down) && layer < layers / 8) return GgmlType::q5_k;
  if (name == "q3_k_m" && value) return moreBits(layer, layers) ? GgmlType::q5_k : GgmlType::q4_k;
  if (name == "q3_k_m" && down) return layer < layers / 16 ? GgmlType::q5_k : GgmlType::q4_k;
  if (name == "q3_k_m" && output) return GgmlType::q4_k;
  if (name == "q2_k" && value) return GgmlType::q4_k;
  if (name == "q2_k" && (down || output)) return GgmlType::q3_k;
  return base;
}

/// The type that holds rows of this width when `type` cannot.
GgmlType fallback(GgmlType type, std::int64_t width) {
  if (width % 32 != 0) return GgmlType::f16;
  if (width % 256 == 0) return type;
  switch (type) {
    case GgmlType::q2_k:
    case GgmlType::q3_k: return GgmlType::q4_0;
    case GgmlType::q4_k: return GgmlType::q5_0;
    case GgmlType::q5_k: return GgmlType::q5_1;
    case GgmlType::q6_k: return GgmlType::q8_0;
    default: return type;
  }
}

Error unknown(std::string_view word) {
  return Error{"exports.target.unknown", "There is no export format " + shown(word), "--to",
               "the formats are hf, hf:f16, hf:f32, adapter, gguf-adapter, bedrock-import, and gguf:TYPE and ollama:TYPE with " + join(ggufTypeNames(), ", "),
               "Choose one or more of them, separated by commas", "", {}};
}

}  // namespace

std::string Target::format() const {
  switch (kind) {
    case Kind::hf: return type.empty() || type == "bf16" ? "hf" : "hf:" + type;
    case Kind::adapter: return "adapter";
    case Kind::ggufAdapter: return "gguf-adapter";
    case Kind::bedrockImport: return "bedrock-import";
    case Kind::ollama: return "ollama:" + type;
    case Kind::gguf: break;
  }
  return "gguf:" + type;
}

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
  return hasGguf() && row != nullptr && models::ggmlTraits(row->base).elements > 1;
}

const std::vector<std::string>& ggufTypeNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& row : kTypes) out.emplace_back(row.name);
    return out;
  }();
  return names;
}

Result<Target> parseTarget(std::string_view text) {
  const std::string word = lowerAscii(trimmed(text));
  Target target;
  const auto colon = word.find(':');
  const std::string kind = word.substr(0, colon), type = colon == std::string::npos ? std::string() : word.substr(colon + 1);
  if (type.empty() && (kind == "adapter" || kind == "gguf-adapter" || kind == "bedrock-import")) {
    target.kind = kind == "adapter" ? Kind::adapter : kind == "gguf-adapter" ? Kind::ggufAdapter : Kind::bedrockImport;
    return target;
  }
  if (kind == "hf") {
    if (!type.empty() && type != "bf16" && type != "f16" && type != "f32") return unknown(word);
    target.type = type.empty() ? "bf16" : type;
    return target;
  }
  if (kind != "gguf" && kind != "ollama") return unknown(word);
  target.kind = kind == "gguf" ? Kind::gguf : Kind::ollama;
  target.type = type == "q4_k" || type == "q5_k" || type == "q3_k" ? type + "_m" : type.empty() && kind == "ollama" ? "q8_0" : type;
  return rowOf(target.type) == nullptr ? Result<Target>(unknown(word)) : Result<Target>(target);
}

Result<std::vector<Target>> parseTargets(std::string_view text) {
  std::vector<Target> out;
  std::string before;   // "gguf:" after a GGUF type: the next word may be a type alone
  for (const auto part : splitView(text, ',')) {
    const std::string word = lowerAscii(trimmed(part));
    if (word.empty()) continue;
    const bool bare = !before.empty() && rowOf(word == "q4_k" || word == "q5_k" || word == "q3_k" ? word + "_m" : word) != nullptr;
    RETORT_TRY(const Target target, parseTarget(bare ? before + word : word));
    before = target.kind == Kind::gguf ? "gguf:" : target.kind == Kind::ollama ? "ollama:" : "";
    if (std::none_of(out.begin(), out.end(), [&](const Target& other) { return other.format() == target.format(); })) out.push_back(target);
  }
  if (out.empty()) return Error{"exports.target.unknown", "No export format is given", "--to", "the list is empty", "Write --to hf,gguf:q8_0 for example", "", {}};
  return out;
}

models::GgmlType tensorType(const Target& target, const models::ExpectedTensor& tensor, std::int64_t layers, bool tied, std::string* why) {
  const TypeRow* row = rowOf(target.type);
  if (row == nullptr || tensor.shape.size() < 2) return GgmlType::f32;   // norms and biases
  if (!target.isQuantised()) return row->base;
  const bool head = tensor.ggufName == "output.weight" || (tied && tensor.ggufName == "token_embd.weight");
  const GgmlType wanted = head && row->base != GgmlType::q8_0 ? GgmlType::q6_k : mixedType(row->name, row->base, tensor.ggufName, layers);
  const std::int64_t width = tensor.shape.back();
  const GgmlType type = fallback(wanted, width);
  if (why != nullptr && type != wanted)
    *why = std::string(models::ggmlTraits(type).name) + " instead of " + std::string(models::ggmlTraits(wanted).name) + ": its rows have " + std::to_string(width) + " values, no multiple of " +
           std::to_string(models::ggmlTraits(wanted).elements);
  return type;
}

}  // namespace retort::exports

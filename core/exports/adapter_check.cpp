// A GGUF adapter against the PEFT folder it was made from.
#include <map>

#include "base/format.h"
#include "exports/verify_checks.h"
#include "models/adapter.h"
#include "models/gguf.h"

namespace retort::exports {
namespace {

/// "blk.3.attn_q.weight" of "model.layers.3.self_attn.q_proj"; empty for what is no projection.
std::string ggufNameOf(std::string_view module) {
  static const std::map<std::string_view, std::string_view> kParts = {{"q_proj", "attn_q"},     {"k_proj", "attn_k"},  {"v_proj", "attn_v"},     {"o_proj", "attn_output"},
                                                                      {"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"}, {"down_proj", "ffn_down"}};
  const auto words = splitView(module, '.');
  const auto part = words.size() == 5 ? kParts.find(words[4]) : kParts.end();
  return part == kParts.end() ? "" : "blk." + std::string(words[2]) + "." + std::string(part->second) + ".weight";
}

/// First place where the file's rows differ from the pair's B; rows of rotated heads alternate between the halves.
std::string unlike(const std::vector<float>& wanted, const std::vector<float>& found, std::int64_t width, std::int64_t headDim, bool rotated) {
  if (wanted.size() != found.size()) return "it has another size";
  const std::int64_t rows = static_cast<std::int64_t>(wanted.size()) / width;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t within = row % headDim, from = rotated ? row - within + within / 2 + within % 2 * (headDim / 2) : row;
    for (std::int64_t i = 0; i < width; ++i)
      if (wanted[static_cast<std::size_t>(from * width + i)] != found[static_cast<std::size_t>(row * width + i)]) return "row " + std::to_string(row) + " differs";
  }
  return "";
}

Result<std::vector<float>> valuesOf(const models::InputFile& file, const models::GgufHeader& header, const std::string& name) {
  for (const auto& tensor : header.tensors) {
    if (tensor.name != name || tensor.traits == nullptr || tensor.type != static_cast<std::uint32_t>(models::GgmlType::f32)) continue;
    std::vector<float> out(static_cast<std::size_t>(tensor.elements));
    RETORT_CHECK(file.read(header.dataOffset + tensor.offset, std::as_writable_bytes(std::span(out))));
    return out;
  }
  return std::vector<float>();
}

}  // namespace

Status checkGgufAdapter(Verdict& verdict, const Student& student, const std::filesystem::path& path) {
  const auto file = models::InputFile::open(path);
  const auto header = file.ok() ? models::readGgufHeader(**file) : Result<models::GgufHeader>(file.error());
  if (!header.ok()) return addCheck(verdict, "opens", false, header.error().text()), Status{};
  const auto wanted = models::readAdapter(student.adapter);
  if (!wanted.ok()) return addCheck(verdict, "opens", false, wanted.error().text()), Status{};
  addCheck(verdict, "opens", header->tensors.size() == 2 * wanted->pairs.size(), fill("{} projections, {} in the run's adapter", {std::to_string(header->tensors.size() / 2), std::to_string(wanted->pairs.size())}));
  const std::string& family = student.source->config().family;
  std::string bad;
  for (const auto& pair : wanted->pairs) {
    const std::string name = ggufNameOf(pair.module);
    RETORT_TRY(const auto a, valuesOf(**file, *header, name + ".lora_a"));
    RETORT_TRY(const auto b, valuesOf(**file, *header, name + ".lora_b"));
    const bool rotated = family != "qwen2" && family != "qwen3" && (name.find("attn_q.") != std::string::npos || name.find("attn_k.") != std::string::npos);
    const std::string off = a != pair.a ? "lora_a differs" : unlike(pair.b, b, pair.rank, student.source->config().headDim, rotated);
    if (!off.empty() && bad.empty()) bad = name + ": " + off;
  }
  addCheck(verdict, "tensors", bad.empty(), bad.empty() ? "equal to the run's adapter" : bad);
  return {};
}

}  // namespace retort::exports

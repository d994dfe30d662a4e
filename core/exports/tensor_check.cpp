// Comparing tensors, and how far each type may err.
#include "exports/tensor_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/format.h"
#include "models/gguf.h"
#include "models/safetensors.h"

namespace retort::exports {
namespace {

using models::GgmlType;
using Values = std::span<const float>;

/// Largest and least of a stretch, as doubles.
struct Extent {
  double low = 0, high = 0, magnitude = 0;
  Extent(const float* x, std::size_t n) {
    low = high = static_cast<double>(x[0]);
    for (std::size_t i = 0; i < n; ++i) low = std::min(low, static_cast<double>(x[i])), high = std::max(high, static_cast<double>(x[i]));
    magnitude = std::max(std::fabs(low), std::fabs(high));
  }
};

/// A scale stored as f16 is off by half its last place; near zero by half of 2^-24.
double halfError(double value) { return std::fabs(value) * 0x1p-11 + 0x1p-25; }

/// The K types search for the least error over a block, so no single value has a sharp bound: the most that the RMSE of a block may
/// be of its RMS (about three times what normal values give; a doubled scale gives about 1).
double blockLimit(GgmlType type) {
  switch (type) {
    case GgmlType::q2_k: return 0.7;
    case GgmlType::q3_k: return 0.4;
    case GgmlType::q4_k: return 0.22;
    case GgmlType::q5_k: return 0.12;
    case GgmlType::q6_k: return 0.06;
    default: return 0;
  }
}

/// The largest error that writing these values (one block) as `type` can make at value `x`; infinite for the K types.
double allowed(GgmlType type, Values block, std::size_t at) {
  const double x = std::fabs(static_cast<double>(block[at]));
  const Extent e(block.data(), block.size());
  switch (type) {
    case GgmlType::f32: return 0;
    case GgmlType::f16: return halfError(x);
    case GgmlType::bf16: return x * 0x1p-8;
    case GgmlType::q8_0: return 0.5 * e.magnitude / 127 * 1.01 + 127 * halfError(e.magnitude / 127);
    // The end of the range opposite to the extreme is cut off by up to one step.
    case GgmlType::q4_0: return e.magnitude / 8 * 1.01 + 8 * halfError(e.magnitude / 8);
    case GgmlType::q5_0: return e.magnitude / 16 * 1.01 + 16 * halfError(e.magnitude / 16);
    case GgmlType::q4_1: return 0.5 * (e.high - e.low) / 15 * 1.01 + 15 * halfError((e.high - e.low) / 15) + halfError(e.low);
    case GgmlType::q5_1: return 0.5 * (e.high - e.low) / 31 * 1.01 + 31 * halfError((e.high - e.low) / 31) + halfError(e.low);
    default: return std::numeric_limits<double>::infinity();
  }
}

class Comparison {
 public:
  explicit Comparison(std::int64_t of, ProgressFn progress) : m_meter(std::move(progress), "Comparing tensors", "tensors", of) {}
  void tensor(const std::string& name, GgmlType type, Values wanted, Values found) {
    const auto& traits = models::ggmlTraits(type);
    double error = 0, total = 0;
    for (std::size_t block = 0; block < wanted.size(); block += traits.elements) {
      const Values values = wanted.subspan(block, traits.elements);
      const double errorBefore = error, totalBefore = total;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double a = static_cast<double>(values[i]), b = static_cast<double>(found[block + i]), off = std::fabs(a - b);
        error += off * off;
        total += a * a;
        if (off == 0 || !m_report.firstBad.empty()) continue;
        const double limit = allowed(type, values, i);
        if (!(off <= limit))
          m_report.firstBad = fill("{}, value {}: {} instead of {} ({} errs by at most {} there)",
                                   {name, std::to_string(block + i), formatNumber(b, 6), formatNumber(a, 6), std::string(traits.name), formatNumber(limit, 6)});
      }
      checkBlock(name, type, block, error - errorBefore, total - totalBefore);
    }
    const double relative = total > 0 ? std::sqrt(error / total) : std::sqrt(error);
    if (relative != 0 && !(relative <= m_report.worstError)) m_report.worstError = relative, m_report.worst = name;
    m_meter.at(++m_report.tensors);
  }
  /// `error` and `total`: sums of squares over one block.
  void checkBlock(const std::string& name, GgmlType type, std::size_t block, double error, double total) {
    const double limit = blockLimit(type);
    if (limit == 0 || !m_report.firstBad.empty() || error <= limit * limit * total + 1e-12) return;
    m_report.firstBad = fill("{}, values from {}: they err by {} of their size ({} errs by at most {})",
                             {name, std::to_string(block), formatPercent(std::sqrt(error / std::max(total, 1e-30)), 1), std::string(models::ggmlTraits(type).name), formatPercent(limit, 0)});
  }
  void missing(const std::string& what) {
    if (m_report.firstBad.empty()) m_report.firstBad = what;
  }
  TensorReport report() {
    m_report.ok = m_report.firstBad.empty();
    return m_report;
  }

 private:
  TensorReport m_report;
  ProgressMeter m_meter;
};

/// The Hugging Face name of a GGUF tensor, by its parts; empty when there is none.
std::string huggingFaceName(std::string_view name) {
  static const std::map<std::string_view, std::string_view> kWhole = {
      {"token_embd.weight", "model.embed_tokens.weight"}, {"output_norm.weight", "model.norm.weight"}, {"output.weight", "lm_head.weight"}};
  static const std::map<std::string_view, std::string_view> kParts = {
      {"attn_norm", "input_layernorm"}, {"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"}, {"ffn_up", "mlp.up_proj"}, {"ffn_down", "mlp.down_proj"}};
  if (const auto it = kWhole.find(name); it != kWhole.end()) return std::string(it->second);
  const auto pieces = splitView(name, '.');
  if (pieces.size() != 4 || pieces[0] != "blk") return "";
  const auto part = kParts.find(pieces[2]);
  return part == kParts.end() ? "" : "model.layers." + std::string(pieces[1]) + "." + std::string(part->second) + "." + std::string(pieces[3]);
}

/// Rows as a GGUF of llama holds them: row 2j of a head is the student's row j, row 2j + 1 its row j + half.
std::vector<float> interleaved(const std::vector<float>& rows, std::size_t headDim, std::size_t width) {
  std::vector<float> out;
  out.reserve(rows.size());
  const std::size_t heads = rows.size() / width / headDim;
  for (std::size_t head = 0; head < heads; ++head)
    for (std::size_t j = 0; j < headDim / 2; ++j)
      for (std::size_t side = 0; side < 2; ++side) {
        const auto from = rows.begin() + static_cast<std::ptrdiff_t>((head * headDim + side * (headDim / 2) + j) * width);
        out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(width));
      }
  return out;
}

std::size_t countOf(const std::vector<std::int64_t>& shape) {
  std::size_t n = 1;
  for (const auto dim : shape) n *= static_cast<std::size_t>(dim);
  return n;
}

}  // namespace

Result<TensorReport> compareGguf(const std::filesystem::path& path, const models::ModelSource& student, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(const auto file, models::InputFile::open(path));
  RETORT_TRY(const auto header, models::readGgufHeader(*file));
  std::map<std::string, const models::TensorInfo*> left;
  for (const auto& tensor : student.tensors()) left[tensor.name] = &tensor;
  Comparison comparison(static_cast<std::int64_t>(header.tensors.size()), progress);
  const std::string family = student.config().family;
  for (const auto& tensor : header.tensors) {
    if (stop.stop_requested()) return cancelledError("Verification");
    if (tensor.name == "rope_freqs.weight") continue;   // compared with the config
    const std::string name = huggingFaceName(tensor.name);
    const auto it = left.find(name);
    if (it == left.end() || tensor.traits == nullptr || !tensor.traits->decodes || tensor.elements != countOf(it->second->shape)) {
      comparison.missing(tensor.name + ": the student has no such tensor of this size");
      continue;
    }
    std::vector<float> wanted(static_cast<std::size_t>(tensor.elements)), found(wanted.size());
    RETORT_CHECK(student.readF32(*it->second, wanted));
    std::vector<std::byte> raw(static_cast<std::size_t>(tensor.bytes));
    RETORT_CHECK(file->read(header.dataOffset + tensor.offset, raw));
    const auto type = static_cast<GgmlType>(tensor.type);
    RETORT_CHECK(models::dequantise(type, raw, found));
    const bool queryOrKey = tensor.name.find("attn_q.") != std::string::npos || tensor.name.find("attn_k.") != std::string::npos;
    if (queryOrKey && family != "qwen2" && family != "qwen3")
      wanted = interleaved(wanted, static_cast<std::size_t>(student.config().headDim), it->second->shape.size() == 2 ? static_cast<std::size_t>(it->second->shape[1]) : 1);
    comparison.tensor(tensor.name, type, wanted, found);
    left.erase(it);
  }
  if (!left.empty()) comparison.missing(left.begin()->first + ": it is missing in the file");
  return comparison.report();
}

Result<TensorReport> compareFolder(const std::filesystem::path& folder, const models::ModelSource& student, const ProgressFn& progress, std::stop_token stop) {
  std::map<std::string, const models::TensorInfo*> left;
  for (const auto& tensor : student.tensors()) left[tensor.name] = &tensor;
  Comparison comparison(static_cast<std::int64_t>(left.size()), progress);
  std::error_code code;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code))
    if (entry.path().extension() == ".safetensors") files.insert(entry.path());
  for (const auto& path : files) {
    RETORT_TRY(const auto file, models::InputFile::open(path));
    RETORT_TRY(const auto header, models::readSafetensorsHeader(*file));
    for (const auto& tensor : header.tensors) {
      if (stop.stop_requested()) return cancelledError("Verification");
      const auto it = left.find(tensor.name);
      const bool plain = tensor.dtype == "BF16" || tensor.dtype == "F16" || tensor.dtype == "F32";
      if (it == left.end() || !plain || tensor.shape != it->second->shape) {
        comparison.missing(tensor.name + ": the student has no such tensor of this shape");
        continue;
      }
      const GgmlType type = tensor.dtype == "BF16" ? GgmlType::bf16 : tensor.dtype == "F16" ? GgmlType::f16 : GgmlType::f32;
      std::vector<float> wanted(countOf(tensor.shape)), found(wanted.size());
      RETORT_CHECK(student.readF32(*it->second, wanted));
      std::vector<std::byte> raw(static_cast<std::size_t>(tensor.end - tensor.begin));
      RETORT_CHECK(file->read(header.dataStart + tensor.begin, raw));
      RETORT_CHECK(models::dequantise(type, raw, found));
      // A student that is saved in bf16 already loses nothing on the way.
      comparison.tensor(tensor.name, it->second->dtype == models::DType::bf16 ? GgmlType::f32 : type, wanted, found);
      left.erase(it);
    }
  }
  if (!left.empty()) comparison.missing(left.begin()->first + ": it is missing in the folder");
  return comparison.report();
}

}  // namespace retort::exports

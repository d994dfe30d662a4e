// A student as GGUF: metadata, tokenizer, tensors in llama.cpp's names, types and row order (reference model-files section 2).
#include <algorithm>
#include <cstring>
#include <map>

#include "base/format.h"
#include "exports/write.h"
#include "models/gguf_model.h"
#include "models/rope_factors.h"
#include "text/tokenizer.h"

namespace retort::exports {
namespace {

using models::DecoderConfig;
using models::GgmlType;
using models::GgufWriter;

/// "81M", "1.7B".
std::string sizeLabel(std::int64_t parameters) {
  if (parameters >= 1'000'000'000) return formatNumber(static_cast<double>(parameters) / 1e9, 1) + "B";
  if (parameters >= 1'000'000) return std::to_string((parameters + 500'000) / 1'000'000) + "M";
  return std::to_string(std::max<std::int64_t>(1, (parameters + 500) / 1000)) + "K";
}

std::uint32_t number(std::int64_t value) { return static_cast<std::uint32_t>(value); }

void putConfig(GgufWriter& w, const DecoderConfig& c) {
  const std::string a = models::ggufArchitecture(c.family) + ".";
  w.u32(a + "block_count", number(c.layers));
  w.u32(a + "context_length", number(c.context));
  w.u32(a + "embedding_length", number(c.hidden));
  w.u32(a + "feed_forward_length", number(c.ffn));
  w.u32(a + "vocab_size", number(c.vocab));
  w.u32(a + "attention.head_count", number(c.heads));
  w.u32(a + "attention.head_count_kv", number(c.kvHeads));
  w.f32(a + "attention.layer_norm_rms_epsilon", static_cast<float>(c.rmsEpsilon));
  if (c.headDim * c.heads != c.hidden) w.u32(a + "attention.key_length", number(c.headDim)), w.u32(a + "attention.value_length", number(c.headDim));
  if (c.slidingWindow > 0) w.u32(a + "attention.sliding_window", number(c.slidingWindow));
  w.f32(a + "rope.freq_base", static_cast<float>(c.ropeTheta));
  w.u32(a + "rope.dimension_count", number(c.headDim));
  if (c.ropeScaling.type == "linear") w.text(a + "rope.scaling.type", "linear"), w.f32(a + "rope.scaling.factor", static_cast<float>(c.ropeScaling.factor));
}

/// GGUF has three places for ids that end a text; llama.cpp knows the usual end-of-turn tokens by their names besides.
void putStops(GgufWriter& w, const Student& student, text::TokenId eos) {
  std::vector<text::TokenId> stops = student.text.stopIds;
  if (const auto at = std::find(stops.begin(), stops.end(), eos); at != stops.end()) std::rotate(stops.begin(), at, at + 1);
  static constexpr const char* kKeys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  for (std::size_t i = 0; i < stops.size() && i < 3; ++i) w.u32(kKeys[i], number(stops[i]));
}

Result<text::GgufVocabulary> vocabularyOf(const Student& student) {
  if (const auto* gguf = dynamic_cast<const models::GgufModel*>(student.source.get())) return gguf->vocabulary();
  RETORT_TRY(const auto files, student.source->tokenizerFiles());
  return text::ggufFromTokenizerJson(files.tokenizerJson, student.name + "/tokenizer.json");
}

Status putTokenizer(GgufWriter& w, const Student& student) {
  RETORT_TRY(auto v, vocabularyOf(student));
  const DecoderConfig& c = student.source->config();
  if (v.types.empty()) v.types.assign(v.tokens.size(), 1);
  // One token a row of the embedding: rows that no token uses get names of their own.
  for (std::size_t i = 0; v.tokens.size() < static_cast<std::size_t>(c.vocab); ++i) v.tokens.push_back("[PAD" + std::to_string(v.tokens.size()) + "]"), v.types.push_back(5);
  if (v.tokens.size() > static_cast<std::size_t>(c.vocab))
    return Error{"exports.gguf.vocab", student.name + " cannot be written as GGUF", "tokenizer", "it has " + std::to_string(v.tokens.size()) + " tokens and only " + std::to_string(c.vocab) + " embedding rows",
                 "Export it as a Hugging Face folder", "", {}};
  w.text("tokenizer.ggml.model", v.model);
  if (!v.pre.empty()) w.text("tokenizer.ggml.pre", v.pre);
  w.texts("tokenizer.ggml.tokens", v.tokens);
  if (!v.scores.empty()) v.scores.resize(v.tokens.size(), 0.0F), w.f32s("tokenizer.ggml.scores", v.scores);
  w.i32s("tokenizer.ggml.token_type", v.types);
  if (!v.merges.empty()) w.texts("tokenizer.ggml.merges", v.merges);
  const auto idOf = [&](const std::string& token, std::int32_t otherwise) {
    const auto id = token.empty() ? -1 : student.text.tokenizer->idOf(token);
    return id >= 0 ? id : otherwise;
  };
  const auto bos = idOf(student.text.tokens.bos, c.bosId), eos = idOf(student.text.tokens.eos, v.eos);
  if (bos >= 0) w.u32("tokenizer.ggml.bos_token_id", number(bos));
  putStops(w, student, eos);
  if (v.unknown >= 0) w.u32("tokenizer.ggml.unknown_token_id", number(v.unknown));
  if (const auto pad = c.padId >= 0 ? c.padId : v.padding; pad >= 0 && pad < static_cast<std::int32_t>(v.tokens.size())) w.u32("tokenizer.ggml.padding_token_id", number(pad));
  w.boolean("tokenizer.ggml.add_bos_token", student.facts.addsBos);
  if (v.model == "llama" || !v.addSpacePrefix) w.boolean("tokenizer.ggml.add_space_prefix", v.addSpacePrefix);
  if (!student.text.templateSource.empty()) w.text("tokenizer.chat_template", student.text.templateSource);
  return {};
}

/// Values of a tensor in the order and type of the file.
Status fillTensor(const Student& student, const models::TensorInfo& info, const models::ExpectedTensor& expected, GgmlType type, std::span<std::byte> out) {
  std::size_t count = 1;
  for (const auto dim : info.shape) count *= static_cast<std::size_t>(dim);
  std::vector<float> values(count);
  RETORT_CHECK(student.source->readF32(info, values));
  if (expected.order == models::RowOrder::rotated) models::reorderRows(std::as_writable_bytes(std::span(values)), expected.shape[0], student.source->config().headDim, true);
  return models::quantise(type, values, out);
}

}  // namespace

Result<GgufWriter> ggufOf(const Student& student, const Target& target, std::vector<std::string>* notes) {
  const DecoderConfig& c = student.source->config();
  GgufWriter w;
  w.text("general.architecture", models::ggufArchitecture(c.family));
  w.text("general.type", "model");
  w.text("general.name", student.name);
  w.text("general.size_label", sizeLabel(c.parameters()));
  if (!student.source->licence().empty()) w.text("general.license", student.source->licence());
  w.u32("general.file_type", target.fileType());
  if (target.isQuantised()) w.u32("general.quantization_version", 2);
  putConfig(w, c);
  RETORT_CHECK(putTokenizer(w, student));
  if (c.ropeScaling.type == "llama3") {
    const auto divisors = models::llama3Divisors(c);
    w.tensor("rope_freqs.weight", {static_cast<std::int64_t>(divisors.size())}, GgmlType::f32, [divisors](std::span<std::byte> out) {
      std::memcpy(out.data(), divisors.data(), out.size());
      return Status{};
    });
  }
  std::map<std::string, std::int64_t> fallbacks;
  const auto expected = models::expectedTensors(c);
  for (const auto& tensor : expected) {
    const auto info = std::find_if(student.source->tensors().begin(), student.source->tensors().end(), [&](const auto& t) { return t.name == tensor.name; });
    if (info == student.source->tensors().end())
      return Error{"exports.gguf.tensor", student.name + " cannot be written as GGUF", "tensor " + tensor.name, "the student has no such tensor", "Train or export it again", "", {}};
    std::string why;
    const GgmlType type = tensorType(target, tensor, c.layers, c.tiedEmbeddings, &why);
    if (!why.empty()) ++fallbacks[why];
    w.tensor(tensor.ggufName, tensor.shape, type, [&student, info = *info, tensor, type](std::span<std::byte> out) { return fillTensor(student, info, tensor, type, out); });
  }
  if (notes != nullptr)
    for (const auto& [why, count] : fallbacks) notes->push_back(std::to_string(count) + (count == 1 ? " tensor: " : " tensors: ") + why);
  return w;
}

}  // namespace retort::exports

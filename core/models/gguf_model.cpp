// A GGUF file as a ModelSource: tensors under Hugging Face names, q and k rows in Hugging Face order.
#include "models/gguf_model.h"

#include <algorithm>
#include <unordered_map>

#include "base/format.h"
#include "models/rope_factors.h"

namespace retort::models {
namespace {

DType dtypeOf(std::uint32_t type) {
  switch (static_cast<GgmlType>(type)) {
    case GgmlType::f32: return DType::f32;
    case GgmlType::f16: return DType::f16;
    case GgmlType::bf16: return DType::bf16;
    default: return DType::quantised;
  }
}

Error tensorError(std::string_view reason, const std::filesystem::path& path, std::string_view tensor, std::string why) {
  return Error{"models.gguf." + std::string(reason), path.string() + " cannot be used", "tensor " + shown(tensor), std::move(why),
               "Get the model again, or in another type (F32, F16, BF16, Q8_0, Q4_0 to Q5_1, Q2_K to Q6_K)", "", {}};
}

}  // namespace

Result<std::shared_ptr<const GgufModel>> GgufModel::open(const std::filesystem::path& path) {
  std::shared_ptr<GgufModel> model(new GgufModel);
  RETORT_TRY(model->m_file, InputFile::open(path));
  RETORT_TRY(model->m_header, readGgufHeader(*model->m_file));
  RETORT_TRY(model->m_config, configFromGguf(model->m_header, path.string()));
  RETORT_TRY(model->m_vocabulary, vocabularyFromGguf(model->m_header, path.string()));
  RETORT_CHECK(model->mapTensors());
  return std::shared_ptr<const GgufModel>(std::move(model));
}

Status GgufModel::mapTensors() {
  std::unordered_map<std::string_view, const GgufTensor*> stored;
  for (const auto& tensor : m_header.tensors) stored.emplace(tensor.name, &tensor);
  if (const auto it = stored.find("rope_freqs.weight"); it != stored.end()) {
    if (it->second->type != 0) return tensorError("tensor", m_file->path(), it->first, "it must be F32");
    std::vector<float> divisors(static_cast<std::size_t>(it->second->elements));
    RETORT_CHECK(m_file->read(m_header.dataOffset + it->second->offset, std::as_writable_bytes(std::span(divisors))));
    const auto scaling = llama3FromDivisors(m_config, divisors);
    if (!scaling) return tensorError("rope", m_file->path(), it->first, "its RoPE scaling is none that is known");
    m_config.ropeScaling = *scaling;
    stored.erase(it);
  }
  m_expected = expectedTensors(m_config);
  for (const auto& expected : m_expected) {
    const auto it = stored.find(expected.ggufName);
    if (it == stored.end()) return tensorError("missing", m_file->path(), expected.ggufName, "it is missing");
    const GgufTensor& tensor = *it->second;
    const std::vector<std::int64_t> shape(tensor.dims.rbegin(), tensor.dims.rend());
    if (shape != expected.shape) return tensorError("shape", m_file->path(), tensor.name, "its dimensions are not those that the metadata say");
    if (tensor.traits == nullptr || !tensor.traits->decodes)
      return tensorError("codec", m_file->path(), tensor.name, "its type " + (tensor.traits != nullptr ? std::string(tensor.traits->name) : std::to_string(tensor.type)) + " cannot be read");
    m_tensors.push_back({expected.name, dtypeOf(tensor.type), std::string(tensor.traits->name), expected.shape, tensor.bytes});
    m_stored.push_back(&tensor);
    stored.erase(it);
  }
  // A tensor we do not know would be left out of the computation in silence.
  if (!stored.empty()) return tensorError("extra", m_file->path(), stored.begin()->first, "a " + m_config.family + " model has no such tensor");
  return {};
}

std::string GgufModel::name() const {
  const auto general = m_header.text("general.name");
  return general && !general->empty() ? *general : m_file->path().stem().string();
}

Result<TokenizerFiles> GgufModel::tokenizerFiles() const {
  TokenizerFiles files;
  RETORT_TRY(files.tokenizerJson, text::tokenizerJsonFromGguf(m_vocabulary));
  const auto word = [&](text::TokenId id) { return id >= 0 ? Json(repairUtf8(m_vocabulary.tokens[static_cast<std::size_t>(id)])) : Json(nullptr); };
  Json config = {{"add_bos_token", m_header.boolean("tokenizer.ggml.add_bos_token").value_or(m_vocabulary.model == "llama")}, {"add_prefix_space", false}};
  Json map = Json::object();
  const std::pair<const char*, text::TokenId> specials[] = {
      {"bos_token", m_vocabulary.bos}, {"eos_token", m_vocabulary.eos}, {"unk_token", m_vocabulary.unknown}, {"pad_token", m_vocabulary.padding}};
  for (const auto& [key, id] : specials) {
    config[key] = word(id);
    if (id >= 0) map[key] = word(id);
  }
  if (const std::string source = chatTemplate(); !source.empty()) config["chat_template"] = source;
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] = m_config.context;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  files.tokenizerConfigJson = config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  files.others.emplace_back("special_tokens_map.json", map.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  return files;
}

Result<std::pair<const ExpectedTensor*, const GgufTensor*>> GgufModel::locate(const TensorInfo& tensor) const {
  for (std::size_t i = 0; i < m_tensors.size(); ++i)
    if (m_tensors[i].name == tensor.name) return std::pair(&m_expected[i], m_stored[i]);
  return tensorError("missing", m_file->path(), tensor.name, "it is missing");
}

Status GgufModel::readF32(const TensorInfo& tensor, std::span<float> out) const {
  RETORT_TRY(const auto found, locate(tensor));
  const auto& [expected, stored] = found;
  if (out.size() != stored->elements) return tensorError("size", m_file->path(), tensor.name, "the buffer does not fit the tensor");
  std::vector<std::byte> raw(static_cast<std::size_t>(stored->bytes));
  RETORT_CHECK(m_file->read(m_header.dataOffset + stored->offset, raw));
  RETORT_CHECK(dequantise(static_cast<GgmlType>(stored->type), raw, out));
  if (expected->order == RowOrder::rotated) reorderRows(std::as_writable_bytes(out), expected->shape[0], m_config.headDim, false);
  return {};
}

Status GgufModel::readRaw(const TensorInfo& tensor, std::span<std::byte> out) const {
  RETORT_TRY(const auto found, locate(tensor));
  const auto& [expected, stored] = found;
  if (tensor.dtype == DType::quantised || out.size() != stored->bytes)
    return tensorError("size", m_file->path(), tensor.name, "only F32, F16 and BF16 have plain bytes, and the buffer must fit them");
  RETORT_CHECK(m_file->read(m_header.dataOffset + stored->offset, out));
  if (expected->order == RowOrder::rotated) reorderRows(out, expected->shape[0], m_config.headDim, false);
  return {};
}

}  // namespace retort::models

// A Hugging Face folder as a ModelSource: configs, template variants, shards, and the tensors the config asks for.
#include "models/hf_model.h"

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/format.h"
#include "models/codecs.h"
#include "models/tensor_names.h"

namespace retort::models {
namespace {

constexpr std::uint64_t kMaxConfig = 1u << 20, kMaxTokenizer = 64u << 20;

Error folderError(std::string_view reason, const std::filesystem::path& folder, std::string place, std::string why, std::string next = "Get the model again") {
  return Error{"models.hf." + std::string(reason), folder.string() + " cannot be used as a model", std::move(place), std::move(why), std::move(next), "", {}};
}

/// The template named "default" of a list, or the text itself.
std::string templateOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  std::string first;
  for (const Json& item : value) {
    if (!item.is_object() || !item.contains("template") || !item["template"].is_string()) continue;
    if (first.empty()) first = item["template"].get<std::string>();
    if (item.contains("name") && item["name"] == "default") return item["template"].get<std::string>();
  }
  return first;
}

/// Files of a model hub's cache are links into its blobs folder; any other way out of the folder is refused.
bool staysInside(const std::filesystem::path& folder, const std::filesystem::path& file) {
  std::error_code code;
  const auto real = std::filesystem::canonical(file, code).parent_path(), home = std::filesystem::canonical(folder, code);
  return real == home || (home.parent_path().filename() == "snapshots" && real == home.parent_path().parent_path() / "blobs");
}

DType dtypeOf(std::string_view name) { return name == "F32" ? DType::f32 : name == "F16" ? DType::f16 : name == "BF16" ? DType::bf16 : DType::quantised; }

std::string licenceOf(const std::filesystem::path& folder) {
  auto card = readFile(folder / "README.md", kMaxConfig);
  if (!card.ok() || !card->starts_with("---")) return "";
  for (const auto line : splitView(*card, '\n')) {
    if (line.starts_with("license:")) return std::string(trimmed(line.substr(8)));
  }
  return "";
}

}  // namespace

Result<std::string> templateOfFolder(const std::filesystem::path& folder, const Json& tokenizerConfig) {
  std::error_code code;
  if (std::filesystem::exists(folder / "chat_template.jinja", code)) return readFile(folder / "chat_template.jinja", kMaxConfig);
  return tokenizerConfig.is_object() && tokenizerConfig.contains("chat_template") ? templateOf(tokenizerConfig["chat_template"]) : std::string();
}

Result<std::shared_ptr<const HfModel>> HfModel::open(const std::filesystem::path& folder) {
  std::shared_ptr<HfModel> model(new HfModel);
  model->m_folder = folder;
  RETORT_CHECK(model->readConfigs());
  RETORT_CHECK(model->openWeights());
  return std::shared_ptr<const HfModel>(std::move(model));
}

Status HfModel::readConfigs() {
  std::error_code code;
  if (!std::filesystem::exists(m_folder / "config.json", code)) return folderError("config", m_folder, "config.json", "the file is missing", "Choose a folder with config.json and *.safetensors");
  RETORT_TRY(m_configJson, readJsonFile(m_folder / "config.json", kMaxConfig));
  RETORT_TRY(m_config, configFromHuggingFace(m_configJson, (m_folder / "config.json").string()));
  if (std::filesystem::exists(m_folder / "generation_config.json", code)) {
    RETORT_TRY(const Json generation, readJsonFile(m_folder / "generation_config.json", kMaxConfig));
    const auto add = [&](const Json& id) {
      if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= m_config.vocab) return;
      const auto number = id.get<std::int32_t>();
      if (std::find(m_config.eosIds.begin(), m_config.eosIds.end(), number) == m_config.eosIds.end()) m_config.eosIds.push_back(number);
    };
    if (const auto it = generation.find("eos_token_id"); it != generation.end()) {
      if (it->is_array()) std::for_each(it->begin(), it->end(), add);
      else add(*it);
    }
  }
  if (std::filesystem::exists(m_folder / "tokenizer_config.json", code)) {
    RETORT_TRY(m_tokenizerConfig, readJsonFile(m_folder / "tokenizer_config.json", kMaxTokenizer));
  }
  RETORT_TRY(m_template, templateOfFolder(m_folder, m_tokenizerConfig));
  m_licence = licenceOf(m_folder);
  return {};
}

Status HfModel::addFile(const std::string& name, std::map<std::string, std::pair<SafeTensor, Place>>& found) {
  if (!staysInside(m_folder, m_folder / name)) return folderError("link", m_folder, shown(name), "the file is missing or a link to another place");
  RETORT_TRY(auto file, InputFile::open(m_folder / name));
  RETORT_TRY(const auto header, readSafetensorsHeader(*file));
  for (const auto& tensor : header.tensors) {
    const Place place{m_files.size(), header.dataStart + tensor.begin, tensor.end - tensor.begin};
    if (!found.emplace(tensor.name, std::pair(tensor, place)).second) return folderError("twice", m_folder, shown(name), "tensor " + shown(tensor.name) + " is in two files");
  }
  m_files.push_back(std::move(file));
  return {};
}

Status HfModel::openWeights() {
  std::map<std::string, std::pair<SafeTensor, Place>> found;
  std::error_code code;
  const auto indexPath = m_folder / "model.safetensors.index.json";
  if (std::filesystem::exists(m_folder / "model.safetensors", code)) {
    RETORT_CHECK(addFile("model.safetensors", found));
  } else if (std::filesystem::exists(indexPath, code)) {
    RETORT_TRY(const Json index, readJsonFile(indexPath, kMaxTokenizer));
    const auto map = index.is_object() ? index.find("weight_map") : index.end();
    if (!index.is_object() || map == index.end() || !map->is_object()) return folderError("index", m_folder, "model.safetensors.index.json", "it has no weight_map");
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items()) {
      if (!file.is_string()) return folderError("index", m_folder, "weight_map: " + shown(tensor), "the file name must be a text");
      const auto name = file.get<std::string>();
      if (name.empty() || name.find_first_of("/\\") != std::string::npos || name.starts_with('.') || name.find('\0') != std::string::npos)
        return folderError("index", m_folder, "weight_map: " + shown(tensor), "the file name " + shown(name) + " is not a plain name");
      names.insert(name);
    }
    for (const auto& name : names) RETORT_CHECK(addFile(name, found));
    for (const auto& [tensor, file] : map->items()) {
      const auto it = found.find(tensor);
      if (it == found.end() || m_files[it->second.second.file]->path().filename() != file.get<std::string>())
        return folderError("index", m_folder, "weight_map: " + shown(tensor), "the tensor is not in " + shown(file.get<std::string>()));
    }
  } else {
    for (const auto& entry : std::filesystem::directory_iterator(m_folder, code)) {
      const auto extension = entry.path().extension();
      if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt")
        return folderError("pickle", m_folder, entry.path().filename().string(), "its weights are a Python pickle; opening one can run code, so Retort never does",
                           "Convert it to safetensors where it was made");
    }
    return folderError("weights", m_folder, "model.safetensors", "the file is missing");
  }
  return mapTensors(found);
}

Status HfModel::mapTensors(const std::map<std::string, std::pair<SafeTensor, Place>>& found) {
  for (const auto& expected : expectedTensors(m_config)) {
    const auto it = found.find(expected.name);
    if (it == found.end()) return folderError("missing", m_folder, "tensor " + expected.name, "it is missing");
    const SafeTensor& tensor = it->second.first;
    if (tensor.shape != expected.shape) return folderError("shape", m_folder, "tensor " + expected.name, "its shape is not the one that config.json says");
    const DType dtype = dtypeOf(tensor.dtype);
    if (dtype == DType::quantised) return folderError("dtype", m_folder, "tensor " + expected.name, "its type " + shown(tensor.dtype) + " cannot be read (F32, F16 and BF16 can)");
    m_tensors.push_back({expected.name, dtype, tensor.dtype, expected.shape, it->second.second.bytes});
    m_places.emplace(expected.name, it->second.second);
  }
  // Left out on purpose: a head that tied models store twice, and rotary tables of old files. Anything else would change the model.
  for (const auto& [name, entry] : found) {
    const bool known = m_places.contains(name) || (m_config.tiedEmbeddings && name == "lm_head.weight") || name.ends_with("rotary_emb.inv_freq");
    if (!known) return folderError("extra", m_folder, "tensor " + shown(name), "a " + m_config.family + " model has no such tensor");
  }
  return {};
}

std::string HfModel::name() const {
  const auto folder = m_folder.filename().empty() ? m_folder.parent_path() : m_folder;
  return folder.filename().string();
}

Result<TokenizerFiles> HfModel::tokenizerFiles() const {
  TokenizerFiles files;
  std::error_code code;
  if (!std::filesystem::exists(m_folder / "tokenizer.json", code)) return folderError("tokenizer", m_folder, "tokenizer.json", "the file is missing", "Get the model with its tokenizer.json");
  RETORT_TRY(files.tokenizerJson, readFile(m_folder / "tokenizer.json", kMaxTokenizer));
  if (std::filesystem::exists(m_folder / "tokenizer_config.json", code)) {
    RETORT_TRY(files.tokenizerConfigJson, readFile(m_folder / "tokenizer_config.json", kMaxTokenizer));
  }
  for (const char* name : {"special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja"}) {
    if (!std::filesystem::exists(m_folder / name, code)) continue;
    RETORT_TRY(auto bytes, readFile(m_folder / name, kMaxTokenizer));
    files.others.emplace_back(name, std::move(bytes));
  }
  return files;
}

std::uint64_t HfModel::weightBytes() const {
  std::uint64_t total = 0;
  for (const auto& file : m_files) total += file->size();
  return total;
}

std::vector<std::filesystem::path> HfModel::weightFiles() const {
  std::vector<std::filesystem::path> out;
  for (const auto& file : m_files) out.push_back(file->path());
  return out;
}

Status HfModel::readRaw(const TensorInfo& tensor, std::span<std::byte> out) const {
  const auto it = m_places.find(tensor.name);
  if (it == m_places.end()) return folderError("missing", m_folder, "tensor " + shown(tensor.name), "it is missing");
  if (out.size() != it->second.bytes) return folderError("size", m_folder, "tensor " + tensor.name, "the buffer does not fit the tensor");
  return m_files[it->second.file]->read(it->second.offset, out);
}

Status HfModel::readF32(const TensorInfo& tensor, std::span<float> out) const {
  if (tensor.dtype == DType::f32) return readRaw(tensor, std::as_writable_bytes(out));
  std::vector<std::byte> raw(static_cast<std::size_t>(tensor.bytes));
  RETORT_CHECK(readRaw(tensor, raw));
  return dequantise(tensor.dtype == DType::f16 ? GgmlType::f16 : GgmlType::bf16, raw, out);
}

}  // namespace retort::models

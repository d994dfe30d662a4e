// Tokenizer, chat template and the set of ids that end a turn, from whatever format the model has.
#include "models/text_parts.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "models/gguf_model.h"
#include "models/hf_model.h"

namespace retort::models {
namespace {

/// Tokens that end a turn in the chat formats of the supported families.
constexpr std::array<std::string_view, 6> kEndOfTurn = {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_turn|>", "<end_of_turn>"};

/// bos_token, eos_token of tokenizer_config.json: a text or {"content": text}.
std::string tokenText(const Json& config, const char* key) {
  if (!config.is_object() || !config.contains(key)) return "";
  const Json& value = config[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string()) return value["content"].get<std::string>();
  return "";
}

std::string nameOf(const text::Tokenizer& tokenizer, std::int32_t id) {
  return id >= 0 && static_cast<std::size_t>(id) < tokenizer.size() ? std::string(tokenizer.tokenText(id)) : std::string();
}

/// What both ways in share: names of bos and eos, ids that end a turn, the parsed template.
Status complete(TextParts& parts, const Json& tokenizerConfig, const std::vector<std::int32_t>& eosIds, std::int32_t bosId, std::string_view where) {
  parts.tokens.bos = tokenText(tokenizerConfig, "bos_token");
  parts.tokens.eos = tokenText(tokenizerConfig, "eos_token");
  if (parts.tokens.bos.empty()) parts.tokens.bos = nameOf(*parts.tokenizer, bosId);
  if (parts.tokens.eos.empty() && !eosIds.empty()) parts.tokens.eos = nameOf(*parts.tokenizer, eosIds.front());
  const auto addStop = [&](text::TokenId id) {
    if (id >= 0 && static_cast<std::size_t>(id) < parts.tokenizer->size() && std::find(parts.stopIds.begin(), parts.stopIds.end(), id) == parts.stopIds.end())
      parts.stopIds.push_back(id);
  };
  for (const auto id : eosIds) addStop(id);
  if (const std::string eos = tokenText(tokenizerConfig, "eos_token"); !eos.empty()) addStop(parts.tokenizer->idOf(eos));
  for (const auto name : kEndOfTurn)
    if (const auto id = parts.tokenizer->idOf(name); id >= 0 && parts.tokenizer->isSpecial(id)) addStop(id);
  if (!parts.templateSource.empty()) {
    RETORT_TRY(parts.chat, text::ChatTemplate::parse(parts.templateSource, std::string(where) + ": chat template"));
  }
  return {};
}

}  // namespace

Result<TextParts> textParts(const ModelSource& model) {
  TextParts parts;
  const std::string where = model.name();
  Json tokenizerConfig;
  if (const auto* gguf = dynamic_cast<const GgufModel*>(&model)) {
    RETORT_TRY(parts.tokenizer, text::tokenizerFromGguf(gguf->vocabulary(), where));
  } else {
    RETORT_TRY(const auto files, model.tokenizerFiles());
    RETORT_TRY(parts.tokenizer, text::tokenizerFromJson(files.tokenizerJson, where + "/tokenizer.json"));
    if (const auto* folder = dynamic_cast<const HfModel*>(&model)) tokenizerConfig = folder->tokenizerConfig();
  }
  parts.templateSource = model.chatTemplate();
  RETORT_CHECK(complete(parts, tokenizerConfig, model.config().eosIds, model.config().bosId, where));
  return parts;
}

Result<TextParts> textPartsOf(const std::filesystem::path& path) {
  TextParts parts;
  std::error_code code;
  if (!std::filesystem::is_directory(path, code) && path.extension() != ".json") {
    RETORT_TRY(const auto file, InputFile::open(path));
    RETORT_TRY(const auto header, readGgufHeader(*file));
    RETORT_TRY(const auto vocabulary, vocabularyFromGguf(header, path.string()));
    RETORT_TRY(parts.tokenizer, text::tokenizerFromGguf(vocabulary, path.string()));
    parts.templateSource = header.text("tokenizer.chat_template").value_or("");
    std::vector<std::int32_t> ends;
    for (const char* key : {"eos", "eot", "eom"})
      if (const auto id = header.integer(std::string("tokenizer.ggml.") + key + "_token_id")) ends.push_back(static_cast<std::int32_t>(*id));
    RETORT_CHECK(complete(parts, Json(), ends, vocabulary.bos, path.string()));
    return parts;
  }
  const auto folder = std::filesystem::is_directory(path, code) ? path : path.parent_path();
  const auto file = folder == path ? path / "tokenizer.json" : path;
  RETORT_TRY(const auto bytes, readFile(file, 64u << 20));
  RETORT_TRY(parts.tokenizer, text::tokenizerFromJson(bytes, file.string()));
  Json config;
  if (std::filesystem::exists(folder / "tokenizer_config.json", code)) {
    RETORT_TRY(config, readJsonFile(folder / "tokenizer_config.json"));
  }
  RETORT_TRY(parts.templateSource, templateOfFolder(folder, config));
  std::vector<std::int32_t> ends;
  for (const char* name : {"config.json", "generation_config.json"}) {
    if (!std::filesystem::exists(folder / name, code)) continue;
    RETORT_TRY(const Json json, readJsonFile(folder / name));
    if (!json.is_object() || !json.contains("eos_token_id")) continue;
    const Json& eos = json["eos_token_id"];
    for (const Json& id : eos.is_array() ? eos : Json::array({eos}))
      if (id.is_number_integer()) ends.push_back(id.get<std::int32_t>());
  }
  RETORT_CHECK(complete(parts, config, ends, -1, path.string()));
  return parts;
}

}  // namespace retort::models

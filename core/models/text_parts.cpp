// Tokenizer, chat template and the set of ids that end a turn, from whatever format the model has.
#include "models/text_parts.h"

#include <algorithm>
#include <array>

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
  const DecoderConfig& config = model.config();
  parts.tokens.bos = tokenText(tokenizerConfig, "bos_token");
  parts.tokens.eos = tokenText(tokenizerConfig, "eos_token");
  if (parts.tokens.bos.empty()) parts.tokens.bos = nameOf(*parts.tokenizer, config.bosId);
  if (parts.tokens.eos.empty() && !config.eosIds.empty()) parts.tokens.eos = nameOf(*parts.tokenizer, config.eosIds.front());

  const auto addStop = [&](text::TokenId id) {
    if (id >= 0 && static_cast<std::size_t>(id) < parts.tokenizer->size() && std::find(parts.stopIds.begin(), parts.stopIds.end(), id) == parts.stopIds.end())
      parts.stopIds.push_back(id);
  };
  for (const auto id : config.eosIds) addStop(id);
  if (const std::string eos = tokenText(tokenizerConfig, "eos_token"); !eos.empty()) addStop(parts.tokenizer->idOf(eos));
  for (const auto name : kEndOfTurn)
    if (const auto id = parts.tokenizer->idOf(name); id >= 0 && parts.tokenizer->isSpecial(id)) addStop(id);

  parts.templateSource = model.chatTemplate();
  if (!parts.templateSource.empty()) {
    RETORT_TRY(parts.chat, text::ChatTemplate::parse(parts.templateSource, where + ": chat template"));
  }
  return parts;
}

}  // namespace retort::models

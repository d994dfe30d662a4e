// Reading the facts of a model's text side from its files.
#include "exports/facts.h"

#include <algorithm>

#include "base/files.h"
#include "base/hash.h"
#include "models/gguf.h"
#include "models/hf_model.h"

namespace retort::exports {
namespace {

std::string hashOf(const std::vector<std::string>& items) {
  Sha256 hash;
  for (const auto& item : items) hash.update(std::to_string(item.size()) + "\n").update(std::string_view(item));
  return hash.hex();
}

std::string mergeText(const Json& merge) {
  if (merge.is_string()) return merge.get<std::string>();
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) return merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  return "?";
}

/// Vocabulary, added tokens and merges of a tokenizer.json, read plainly.
Status readTokenizerJson(const Json& json, TextFacts& facts, std::string_view where) {
  const Error bad{"exports.facts.tokenizer", std::string(where) + " cannot be compared", "model.vocab", "it is no vocabulary of tokens and ids", "Export the model again", "", {}};
  const auto put = [&](const std::string& token, const Json& id) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > (1 << 24)) return false;
    const auto at = static_cast<std::size_t>(id.get<std::int64_t>());
    if (at >= facts.tokens.size()) facts.tokens.resize(at + 1);
    facts.tokens[at] = token;
    return true;
  };
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object() || !json["model"].contains("vocab")) return bad;
  const Json& model = json["model"];
  if (!model["vocab"].is_object()) return bad;
  for (const auto& [token, id] : model["vocab"].items())
    if (!put(token, id)) return bad;
  if (model.contains("merges") && model["merges"].is_array())
    for (const Json& merge : model["merges"]) facts.merges.push_back(mergeText(merge));
  if (json.contains("added_tokens") && json["added_tokens"].is_array())
    for (const Json& token : json["added_tokens"])
      if (token.is_object() && token.contains("content") && token["content"].is_string() && token.contains("id") && !put(token["content"].get<std::string>(), token["id"])) return bad;
  return {};
}

Result<TextFacts> factsOfGguf(const std::filesystem::path& path) {
  TextFacts facts;
  RETORT_TRY(const auto file, models::InputFile::open(path));
  RETORT_TRY(const auto header, models::readGgufHeader(*file));
  if (const auto* tokens = header.array("tokenizer.ggml.tokens")) facts.tokens = tokens->strings;
  if (const auto* merges = header.array("tokenizer.ggml.merges")) facts.merges = merges->strings;
  facts.chatTemplate = header.text("tokenizer.chat_template").value_or("");
  facts.bosId = static_cast<std::int32_t>(header.integer("tokenizer.ggml.bos_token_id").value_or(-1));
  facts.addsBos = header.boolean("tokenizer.ggml.add_bos_token").value_or(header.text("tokenizer.ggml.model") == "llama");
  return facts;
}

Result<TextFacts> factsOfFolder(const std::filesystem::path& folder, const models::TextParts& parts) {
  TextFacts facts;
  RETORT_TRY(const Json tokenizer, readJsonFile(folder / "tokenizer.json"));
  RETORT_CHECK(readTokenizerJson(tokenizer, facts, (folder / "tokenizer.json").string()));
  Json config;
  std::error_code code;
  if (std::filesystem::exists(folder / "tokenizer_config.json", code)) {
    RETORT_TRY(config, readJsonFile(folder / "tokenizer_config.json"));
  }
  RETORT_TRY(facts.chatTemplate, models::templateOfFolder(folder, config));
  facts.addsBos = addsBos(tokenizer, config);
  facts.bosId = parts.tokens.bos.empty() ? -1 : parts.tokenizer->idOf(parts.tokens.bos);
  return facts;
}

}  // namespace

std::string TextFacts::tokensSha256() const { return hashOf(tokens); }
std::string TextFacts::mergesSha256() const { return hashOf(merges); }
std::string TextFacts::templateSha256() const { return sha256Hex(chatTemplate); }

Json TextFacts::toJson() const {
  return {{"tokens", tokens.size()}, {"tokens_sha256", tokensSha256()}, {"merges_sha256", mergesSha256()}, {"template_sha256", templateSha256()},
          {"stop_ids", stopIds}, {"bos_id", bosId}, {"adds_bos", addsBos}};
}

bool addsBos(const Json& tokenizer, const Json& tokenizerConfig) {
  const auto begins = [](const Json& processor) {
    if (!processor.is_object() || processor.value("type", Json()) != "TemplateProcessing" || !processor.contains("single")) return false;
    const Json& single = processor["single"];
    return single.is_array() && !single.empty() && single[0].is_object() && single[0].contains("SpecialToken");
  };
  const Json post = tokenizer.is_object() && tokenizer.contains("post_processor") ? tokenizer["post_processor"] : Json();
  if (begins(post)) return true;
  if (post.is_object() && post.contains("processors") && post["processors"].is_array() && std::any_of(post["processors"].begin(), post["processors"].end(), begins)) return true;
  // Tokenizers of the Llama class build their post-processor from the flag.
  if (!tokenizerConfig.is_object() || !tokenizerConfig.contains("tokenizer_class") || !tokenizerConfig["tokenizer_class"].is_string()) return false;
  const auto flag = tokenizerConfig.find("add_bos_token");
  return tokenizerConfig["tokenizer_class"].get<std::string>().starts_with("Llama") && flag != tokenizerConfig.end() && flag->is_boolean() && flag->get<bool>();
}

Result<TextFacts> factsOf(const std::filesystem::path& model, const models::TextParts& parts) {
  std::error_code code;
  auto facts = std::filesystem::is_directory(model, code) ? factsOfFolder(model, parts) : factsOfGguf(model);
  if (!facts.ok()) return facts;
  facts->stopIds = parts.stopIds;
  std::sort(facts->stopIds.begin(), facts->stopIds.end());
  return facts;
}

}  // namespace retort::exports

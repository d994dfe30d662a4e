// What decides how a model reads and ends text: token table, merges, template, stop ids, BOS policy; as comparable facts.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "models/decoder_config.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::exports {

struct TextFacts {
  std::vector<std::string> tokens;          ///< by id, as the vocabulary writes them
  std::vector<std::string> merges;          ///< "a b"
  std::string chatTemplate;
  std::vector<std::int32_t> stopIds;        ///< sorted
  std::int32_t bosId = -1;
  bool addsBos = false;                     ///< a plain text gets BOS in front
  [[nodiscard]] std::string tokensSha256() const;      ///< over "length LF bytes" of each token
  [[nodiscard]] std::string mergesSha256() const;
  [[nodiscard]] std::string templateSha256() const;
  /// What card.json records: hashes, stop ids, BOS.
  [[nodiscard]] Json toJson() const;
};

/// The facts of a GGUF file out of its header, or of a folder out of its JSON files; not by way of the tokenizer room, except
/// for the ids that end a turn.
Result<TextFacts> factsOf(const std::filesystem::path& model, const models::TextParts& parts);
/// Does a tokenizer put BOS before a plain text? By its post-processor, else its tokenizer_config.
[[nodiscard]] bool addsBos(const Json& tokenizer, const Json& tokenizerConfig);

}  // namespace retort::exports

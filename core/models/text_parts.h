// The tokenizer and chat template of an opened model, built from whatever format it has.
#pragma once
#include <memory>

#include "models/model_source.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace retort::models {

struct TextParts {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat;     ///< null when the model has none
  text::TemplateTokens tokens;
  std::vector<text::TokenId> stopIds;                 ///< every id that ends a turn (config, generation_config, end-of-turn tokens)
  std::string templateSource;
};

/// Builds both; a model without a chat template gets `chat` null (callers say which built-in ones exist).
Result<TextParts> textParts(const ModelSource& model);

/// Tokenizer and template of what need not be a whole model: a GGUF file that holds only a vocabulary, a tokenizer.json, a folder
/// with one. What is no text part (weights, architecture) is not looked at.
Result<TextParts> textPartsOf(const std::filesystem::path& path);

}  // namespace retort::models

// Answers of local models, kept by content: one JSON-lines file a model and setting, whole lines only.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace retort::lab {

/// What decides a greedy answer besides the weights and the prompt: limit, compute type, chat template.
[[nodiscard]] Json answerSettings(int maxTokens, std::string_view dtype, std::string_view chatTemplate);

class AnswerCache {
 public:
  /// The file for `model` (SHA-256) and `settings` under `cacheFolder`/answers/.
  static Result<AnswerCache> open(const std::filesystem::path& cacheFolder, std::string_view model, const Json& settings);
  /// The answer to a prompt: {"text","finish"}; null when it was not asked yet.
  [[nodiscard]] const Json* find(const Json& messages, const Json& tools) const;
  Status add(const Json& messages, const Json& tools, const Json& answer);

 private:
  AnswerCache(LineAppender file) : m_file(std::move(file)) {}
  [[nodiscard]] static std::string key(const Json& messages, const Json& tools);
  std::map<std::string, Json> m_answers;
  LineAppender m_file;
};

}  // namespace retort::lab

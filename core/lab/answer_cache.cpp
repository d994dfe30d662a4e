// The cache's file: {"key","answer"} lines; a torn last line is ignored.
#include "lab/answer_cache.h"

#include "base/hash.h"

namespace retort::lab {

Json answerSettings(int maxTokens, std::string_view dtype, std::string_view chatTemplate) {
  return {{"max_tokens", maxTokens}, {"temperature", 0}, {"dtype", dtype}, {"template_sha256", sha256Hex(chatTemplate)}};
}

Result<AnswerCache> AnswerCache::open(const std::filesystem::path& cacheFolder, std::string_view model, const Json& settings) {
  const fs::path folder = cacheFolder / "answers";
  RETORT_CHECK(makeFolders(folder));
  const fs::path path = folder / (sha256Hex(std::string(model) + "\n" + dumpJson(settings)).substr(0, 32) + ".jsonl");
  std::map<std::string, Json> known;
  LineTail tail(path);
  for (;;) {
    RETORT_TRY(const auto n, tail.poll([&](std::string_view line) {
      const auto json = parseJson(line, "answer");
      if (json.ok() && json->is_object() && json->contains("key") && json->contains("answer")) known[(*json)["key"].get<std::string>()] = (*json)["answer"];
    }));
    if (n == 0) break;
  }
  std::error_code error;
  if (fs::exists(path, error) && fs::file_size(path, error) > tail.offset()) fs::resize_file(path, tail.offset(), error);  // a torn line of a crash
  RETORT_TRY(auto file, LineAppender::open(path));
  AnswerCache cache(std::move(file));
  cache.m_answers = std::move(known);
  return cache;
}

std::string AnswerCache::key(const Json& messages, const Json& tools) { return sha256Hex(dumpJson(messages) + "\n" + dumpJson(tools)).substr(0, 32); }

const Json* AnswerCache::find(const Json& messages, const Json& tools) const {
  const auto it = m_answers.find(key(messages, tools));
  return it == m_answers.end() ? nullptr : &it->second;
}

Status AnswerCache::add(const Json& messages, const Json& tools, const Json& answer) {
  const std::string k = key(messages, tools);
  RETORT_CHECK(m_file.append(dumpJson({{"key", k}, {"answer", answer}})));
  m_answers[k] = answer;
  return {};
}

}  // namespace retort::lab

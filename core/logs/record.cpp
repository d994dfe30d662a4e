// Records: what is derived from their fields, and their JSON.
#include "logs/record.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/clock.h"
#include "base/format.h"
#include "base/hash.h"
#include "logs/decoded_text.h"

namespace retort::logs {

namespace {

constexpr std::array<std::pair<Flag, std::string_view>, 10> kFlagWords = {{{kRepaired, "repaired"},
                                                                          {kDupKeys, "dup_keys"},
                                                                          {kBodyExternal, "body_external"},
                                                                          {kSyntheticId, "synthetic_id"},
                                                                          {kNoTime, "no_time"},
                                                                          {kPartial, "partial"},
                                                                          {kRawPrompt, "raw_prompt"},
                                                                          {kImages, "images"},
                                                                          {kGolden, "golden"},
                                                                          {kNoAnswer, "no_answer"}}};

void setOptional(Json& json, const char* name, const std::optional<std::int64_t>& value) {
  json[name] = value ? Json(*value) : Json(nullptr);
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view flagWord(Flag flag) {
  for (const auto& [f, word] : kFlagWords)
    if (f == flag) return word;
  return {};
}

std::vector<std::string_view> flagWords(std::uint32_t flags) {
  std::vector<std::string_view> words;
  for (const auto& [f, word] : kFlagWords)
    if (flags & f) words.push_back(word);
  return words;
}

const std::string* Record::metadataValue(std::string_view key) const {
  for (const auto& [k, v] : metadata)
    if (k == key) return &v;
  return nullptr;
}

bool Record::isTrainable() const {
  return status == "ok" && !answer.is_null() && !has(kPartial) && !has(kBodyExternal) && stop != "filtered" && stop != "error";
}

Json Record::toJson() const {
  Json json;
  json["id"] = id;
  json["request_id"] = requestId;
  json["time"] = timeUs ? Json(isoUtc(*timeUs, *timeUs % 1'000'000 != 0)) : Json(nullptr);
  json["model"] = model;
  json["model_raw"] = modelRaw;
  json["operation"] = operation;
  json["region"] = region;
  json["account"] = account;
  json["source"] = source;
  json["parser"] = parser;
  json["status"] = status;
  json["error_code"] = errorCode;
  if (!reason.empty()) json["reason"] = reason;
  json["stop"] = stop;
  json["stop_raw"] = stopRaw;
  setOptional(json, "input_tokens", inputTokens);
  setOptional(json, "output_tokens", outputTokens);
  setOptional(json, "cached_tokens", cachedTokens);
  setOptional(json, "latency_ms", latencyMs);
  setOptional(json, "ttft_ms", ttftMs);
  if (cost) json["cost"] = *cost;
  json["turns"] = turns;
  json["flags"] = Json::array();
  for (const auto word : flagWords(flags)) json["flags"].push_back(word);
  json["metadata"] = Json::object();
  for (const auto& [key, value] : metadata) json["metadata"][key] = value;
  json["messages"] = messages;
  json["tools"] = tools;
  json["answer"] = answer;
  if (!dispreferred.is_null()) json["dispreferred"] = dispreferred;
  json["parameters"] = parameters;
  return json;
}

std::string messageText(const Json& message) {
  std::string text;
  const auto append = [&](std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += '\n';
    text += part;
  };
  if (!message.is_object()) return text;
  if (const auto content = message.find("content"); content != message.end()) {
    if (content->is_string()) append(content->get_ref<const std::string&>());
    if (content->is_array())
      for (const auto& part : *content)
        if (part.is_object() && part.contains("text") && part["text"].is_string()) append(part["text"].get_ref<const std::string&>());
  }
  if (const auto calls = message.find("tool_calls"); calls != message.end())
    for (const auto& call : *calls) {
      const auto& function = call.at("function");
      append(function.value("name", "") + "(" + function.value("arguments", "") + ")");
    }
  return text;
}

std::string searchableText(const Record& record) {
  DecodedText text;
  text.read(record);
  return std::string(text.text());
}

std::string normaliseModel(std::string_view raw) {
  std::string_view name = raw;
  if (name.starts_with("arn:")) {
    // arn:partition:bedrock:region:account:kind/id
    std::size_t at = 0;
    for (int i = 0; i < 5 && at != std::string_view::npos; ++i) at = name.find(':', at ? at + 1 : at);
    std::string_view tail = at == std::string_view::npos ? name : name.substr(at + 1);
    const auto slash = tail.find('/');
    const std::string_view kind = slash == std::string_view::npos ? std::string_view() : tail.substr(0, slash);
    if (kind == "foundation-model" || kind == "inference-profile") name = tail.substr(slash + 1);
    else name = tail;  // opaque ids keep their kind, which says what they are
  }
  const auto dot = name.find('.');
  if (dot != std::string_view::npos) {
    // "us.amazon.nova": the prefix counts only before "vendor.model"
    if (name.find('.', dot + 1) != std::string_view::npos && std::find(std::begin(kModelRegions), std::end(kModelRegions), name.substr(0, dot)) != std::end(kModelRegions))
      name.remove_prefix(dot + 1);
  }
  const auto colon = name.rfind(':');
  if (colon != std::string_view::npos && name.size() > colon + 2 && name.back() == 'k' &&
      std::all_of(name.begin() + static_cast<std::ptrdiff_t>(colon) + 1, name.end() - 1, [](char c) { return c >= '0' && c <= '9'; }))
    name = name.substr(0, colon);
  return std::string(name);
}

std::string_view normaliseStop(std::string_view raw) {
  if (raw.empty()) return {};
  const std::string word = lowerAscii(raw);
  for (const auto& [known, meaning] : kStopWords)
    if (known == word) return meaning;
  return "unknown";
}

std::string requestKey(std::string_view requestId, bool& isUuid) {
  std::string key;
  isUuid = requestId.size() == 36 && requestId[8] == '-' && requestId[13] == '-' && requestId[18] == '-' && requestId[23] == '-';
  int high = -1;
  for (std::size_t i = 0; isUuid && i < 36; ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) continue;
    const int digit = hexDigit(requestId[i]);
    if (digit < 0) isUuid = false;
    else if (high < 0) high = digit;
    else key.push_back(static_cast<char>(high * 16 + digit)), high = -1;
  }
  if (isUuid) return key;
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(requestId.data(), requestId.size()));
  return std::string(reinterpret_cast<const char*>(bytes.digest), 16);
}

std::string requestKeyText(std::string_view key, bool isUuid) {
  std::string text = toHex({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  if (isUuid && text.size() == 32)
    for (const int at : {8, 13, 18, 23}) text.insert(static_cast<std::size_t>(at), "-");
  return text;
}

}  // namespace retort::logs

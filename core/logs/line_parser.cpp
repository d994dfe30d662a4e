// One line: parse, mend once where that is allowed, read the envelope, derive status, hashes and preview.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/call.h"
#include "logs/envelope.h"
#include "logs/json_repair.h"

namespace retort::logs {

namespace {

/// A hash over fields: each is preceded by its length, so that no two lists of fields look alike.
class Hasher {
 public:
  Hasher() { XXH3_64bits_reset(&m_state); }
  Hasher& add(std::string_view text) {
    const std::uint64_t size = text.size();
    XXH3_64bits_update(&m_state, &size, sizeof size);
    XXH3_64bits_update(&m_state, text.data(), text.size());
    return *this;
  }
  Hasher& add(const std::optional<std::int64_t>& value) {
    const std::int64_t parts[2] = {value.has_value(), value.value_or(0)};
    XXH3_64bits_update(&m_state, parts, sizeof parts);
    return *this;
  }
  Hasher& add(const Message& message) {
    add(message.role).add(message.text).add(message.toolCallId);
    for (const auto& call : message.toolCalls) add(call.name).add(call.arguments);
    for (const auto& image : message.images) add(image.format).add(image.bytes);
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(&m_state); }

 private:
  XXH3_state_t m_state;
};

void hash(Call& call) {
  Hasher prompt;
  for (const auto& message : call.messages) prompt.add(message);
  call.promptHash = prompt.value();
  const Record& r = call.record;
  Hasher all;
  all.add(static_cast<std::int64_t>(call.promptHash));
  if (call.answer) all.add(*call.answer).add(call.answer->reasoning);
  all.add(r.timeUs).add(r.modelRaw).add(r.operation).add(r.region).add(r.account).add(r.errorCode).add(r.stopRaw);
  all.add(r.inputTokens).add(r.outputTokens).add(r.cachedTokens).add(r.latencyMs).add(r.source);
  for (const auto& [key, value] : r.metadata) all.add(key).add(value);
  for (const auto& tool : call.tools) all.add(tool.name).add(tool.description).add(tool.parameters);
  for (const auto& [name, value] : call.parameters) all.add(name).add(value);
  for (const auto& spill : call.spills) all.add(spill.path);
  call.contentHash = all.value();
}

/// True when any object of the document names a member twice.
bool hasDuplicateKeys(simdjson::dom::element element) {
  simdjson::dom::array items;
  simdjson::dom::object members;
  if (!element.get_array().get(items)) {
    for (const auto item : items)
      if ((item.is_object() || item.is_array()) && hasDuplicateKeys(item)) return true;
    return false;
  }
  if (element.get_object().get(members)) return false;
  std::string_view few[24];
  std::vector<std::string_view> many;
  std::size_t n = 0;
  for (const auto& member : members) {
    if (n < 24) {
      for (std::size_t i = 0; i < n; ++i)
        if (few[i].size() == member.key.size() && few[i] == member.key) return true;
      few[n++] = member.key;
    } else {
      if (many.empty()) many.assign(few, few + n);
      many.push_back(member.key);
    }
    if ((member.value.is_object() || member.value.is_array()) && hasDuplicateKeys(member.value)) return true;
  }
  std::sort(many.begin(), many.end());
  return std::adjacent_find(many.begin(), many.end()) != many.end();
}

Json messageJson(Message& message) {
  Json json;
  json["role"] = std::move(message.role);
  if (message.images.empty()) {
    json["content"] = std::move(message.text);
  } else {
    json["content"] = Json::array();
    if (!message.text.empty()) json["content"].push_back({{"type", "text"}, {"text", std::move(message.text)}});
    for (const auto& image : message.images) json["content"].push_back({{"type", "image"}, {"format", image.format}, {"bytes", image.bytes}});
  }
  if (!message.reasoning.empty()) json["reasoning_content"] = std::move(message.reasoning);
  if (!message.toolCallId.empty()) json["tool_call_id"] = std::move(message.toolCallId);
  if (!message.toolCalls.empty()) {
    json["tool_calls"] = Json::array();
    for (auto& call : message.toolCalls)
      json["tool_calls"].push_back(
          {{"id", std::move(call.id)}, {"type", "function"}, {"function", {{"name", std::move(call.name)}, {"arguments", std::move(call.arguments)}}}});
  }
  return json;
}

Json jsonOrNull(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(nullptr) : json;
}

}  // namespace

std::string Call::preview() const {
  constexpr std::size_t kLimit = 160;
  const std::string* source = nullptr;
  for (auto it = messages.rbegin(); it != messages.rend() && !source; ++it)
    if (it->role == "user" && !it->text.empty()) source = &it->text;
  if (!source && !messages.empty()) source = &messages.back().text;
  if (!source && answer) source = &answer->text;
  std::string out;
  if (!source) return out;
  std::size_t characters = 0;
  bool blank = false;
  for (const char c : *source) {
    if (c == ' ' || (c >= '\t' && c <= '\r') || c == '\0') {
      blank = !out.empty();
      continue;
    }
    if ((c & 0xc0) != 0x80) {
      characters += 1 + blank;
      if (characters > kLimit) break;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

Record Call::toRecord() && {
  Record out = std::move(record);
  for (auto& message : messages) out.messages.push_back(messageJson(message));
  if (answer) out.answer = messageJson(*answer);
  for (auto& tool : tools) {
    Json function = {{"name", std::move(tool.name)}, {"description", std::move(tool.description)}};
    function["parameters"] = tool.parameters.empty() ? Json::object() : jsonOrNull(tool.parameters);
    out.tools.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  for (const auto& [name, value] : parameters) out.parameters[name] = jsonOrNull(value);
  return out;
}

struct LineParser::State {
  dom::ParserPool pool;
};

LineParser::LineParser() : m_state(std::make_unique<State>()) {}
LineParser::~LineParser() = default;
LineParser::LineParser(LineParser&&) noexcept = default;

namespace {

/// Parses a line, mending it at most once per kind of defect; `mended` holds the copy that the DOM then reads.
bool parseMending(std::string_view line, bool isPadded, dom::ParserPool& pool, dom::Maybe& root, bool& wasMended, ParseReject& reject) {
  auto error = pool.parse(line, isPadded, root);
  if (!error) return true;
  if (error == simdjson::DEPTH_ERROR) return reject = {RejectReason::tooDeep, "nested deeper than 1,024"}, false;
  const bool isUtf8 = isValidUtf8(line);
  // What is cut or nested too deep stays so, whatever else is wrong with it.
  const RejectReason plain = classifyBadJson(line);
  if (plain == RejectReason::truncated) return reject = {plain, "the text ends inside a string, object or array"}, false;
  if (plain == RejectReason::tooDeep) return reject = {plain, "nested deeper than 1,024"}, false;
  if (line.find_first_of("{[") == std::string_view::npos) return reject = {isUtf8 ? RejectReason::notJson : RejectReason::notUtf8, "no object"}, false;
  std::string copy = isUtf8 ? std::string(line) : repairUtf8(line);
  for (int attempt = 0; attempt < 3; ++attempt) {
    error = pool.parse(copy, false, root);
    if (error == simdjson::SUCCESS) return wasMended = true, true;
    if (error == simdjson::STRING_ERROR && attempt < 2) copy = repairSurrogates(copy);
    else if (error == simdjson::NUMBER_ERROR && attempt < 2) copy = quoteHugeIntegers(copy);
    else break;
  }
  if (error == simdjson::DEPTH_ERROR) reject = {RejectReason::tooDeep, "nested deeper than 1,024"};
  else if (!isUtf8) reject = {RejectReason::notUtf8, "invalid UTF-8, and no JSON after its repair"};
  else reject = {RejectReason::notJson, simdjson::error_message(error)};
  return false;
}

void finish(Call& call) {
  Record& record = call.record;
  record.model = normaliseModel(record.modelRaw);
  if (!record.timeUs) record.flags |= kNoTime;
  const bool isConversation = record.source != "bedrock";
  if (!call.answer) record.flags |= kNoAnswer;
  if (!record.errorCode.empty()) record.status = "error";
  else if (record.flags & (kPartial | kBodyExternal) || (!call.answer && !isConversation)) record.status = "incomplete";
  else record.status = "ok";
  if (call.answer && record.stop.empty()) record.stop = isConversation ? "" : "unknown";
  record.turns = static_cast<int>(std::count_if(call.messages.begin(), call.messages.end(), [](const Message& m) { return m.role == "user"; }));
}

}  // namespace

bool LineParser::parse(std::string_view line, bool isPadded, const SpillLoader& spills, Call& call, ParseReject& reject) {
  call = Call{};
  m_state->pool.reset();
  dom::Maybe root;
  bool wasMended = false;
  if (!parseMending(line, isPadded, m_state->pool, root, wasMended, reject)) return false;
  if (!readEnvelope(root, spills, m_state->pool, call, reject)) return false;
  if (wasMended) call.record.flags |= kRepaired;
  if (hasDuplicateKeys(*root)) call.record.flags |= kDupKeys;
  finish(call);
  bool isUuid = false;
  if (call.record.requestId.empty()) {
    call.requestKey = requestKey(line, isUuid);
    call.record.requestId = requestKeyText(call.requestKey, false);
    call.record.flags |= kSyntheticId;
    isUuid = false;
  } else {
    call.requestKey = requestKey(call.record.requestId, isUuid);
  }
  if (isUuid) call.record.flags |= kUuid;
  hash(call);
  return true;
}

}  // namespace retort::logs

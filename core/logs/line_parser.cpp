// One line: parse, mend once where that is allowed, read the envelope, derive status, hashes and preview.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/clock.h"
#include "base/format.h"
#include "base/hash.h"
#include "logs/body_parser.h"
#include "logs/call.h"
#include "logs/envelope.h"
#include "logs/json_repair.h"
#include "logs/model_alias.h"
#include "logs/sample_repair.h"
#include "logs/units.h"

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
  if (call.dispreferred) all.add("dispreferred").add(*call.dispreferred);
  all.add(r.timeUs).add(r.modelRaw).add(r.operation).add(r.region).add(r.account).add(r.errorCode).add(r.stopRaw);
  all.add(r.inputTokens).add(r.outputTokens).add(r.cachedTokens).add(r.latencyMs).add(r.source);
  for (const auto& [key, value] : r.metadata) all.add(key).add(value);
  for (const auto& tool : call.tools) all.add(tool.name).add(tool.description).add(tool.parameters);
  for (const auto& [name, value] : call.parameters) all.add(name).add(value);
  for (const auto& spill : call.spills) all.add(spill.path);
  call.contentHash = all.value();
}

/// Identifies a record that has no id, by what was said and when, whatever file or format it came in: XXH3-128 of prompt, answer, tools,
/// parameters, time, model, operation, counts and metadata, the last in order of key.
std::string contentKey(const Call& call) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  const auto add = [&](std::string_view text) {
    const std::uint64_t size = text.size();
    XXH3_128bits_update(&state, &size, sizeof size);
    XXH3_128bits_update(&state, text.data(), text.size());
  };
  const auto number = [&](std::optional<std::int64_t> value) { add(value ? std::to_string(*value) : std::string("-")); };
  const auto message = [&](const Message& m) {
    add(m.role), add(m.text), add(m.reasoning), add(m.toolCallId);
    for (const auto& tool : m.toolCalls) add(tool.name), add(tool.arguments);
    for (const auto& image : m.images) add(image.format), number(image.bytes);
  };
  const auto sorted = [&](std::vector<std::pair<std::string, std::string>> pairs) {
    std::sort(pairs.begin(), pairs.end());
    for (const auto& [key, value] : pairs) add(key), add(value);
    add("|");
  };
  const Record& r = call.record;
  for (const auto& m : call.messages) message(m);
  add("|");
  if (call.answer) message(*call.answer);
  if (call.dispreferred) add("|"), message(*call.dispreferred);
  for (const auto& tool : call.tools) add(tool.name), add(tool.description), add(tool.parameters);
  number(r.timeUs), add(r.modelRaw), add(r.operation), add(r.errorCode), add(r.stopRaw);
  number(r.inputTokens), number(r.outputTokens), number(r.latencyMs);
  sorted(r.metadata);
  sorted(call.parameters);
  for (const auto& spill : call.spills) add(spill.path);
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(&state));
  return std::string(reinterpret_cast<const char*>(bytes.digest), 16);
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
        if (dom::isNamed(few[i], member.key)) return true;
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
  if (message.weight >= 0) json["weight"] = message.weight;
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

void Call::clear() {
  Record& r = record;
  r.id = 0;
  for (std::string* text : {&r.requestId, &r.modelRaw, &r.model, &r.operation, &r.region, &r.account, &r.source, &r.parser, &r.status, &r.errorCode, &r.reason, &r.stop, &r.stopRaw}) text->clear();
  for (auto* number : {&r.timeUs, &r.inputTokens, &r.outputTokens, &r.cachedTokens, &r.latencyMs, &r.ttftMs}) number->reset();
  r.cost.reset();
  r.flags = 0;
  r.turns = 0;
  r.metadata.clear();
  if (!r.messages.is_array() || !r.messages.empty()) r.messages = Json::array();   // moved from by toRecord(), else never filled
  if (!r.tools.is_array() || !r.tools.empty()) r.tools = Json::array();
  if (!r.parameters.is_object() || !r.parameters.empty()) r.parameters = Json::object();
  r.answer = nullptr;
  r.dispreferred = nullptr;
  for (auto& message : messages) recycle(std::move(message));
  messages.clear();
  if (answer) recycle(std::move(*answer));
  answer.reset();
  dispreferred.reset();
  tools.clear();
  parameters.clear();
  spills.clear();
  promptHash = contentHash = 0;
  requestKey.clear();
  format = {};
  isGuess = isNoCall = needsReading = false;
  repairNote.clear();
}

void Call::recycle(Message&& message) {
  constexpr std::size_t kMost = 64, kMostBytes = 1u << 20;
  if (m_spare.size() < kMost && message.text.capacity() <= kMostBytes) m_spare.push_back(std::move(message));
}

Message Call::newMessage() {
  if (m_spare.empty()) return {};
  Message message = std::move(m_spare.back());
  m_spare.pop_back();
  for (std::string* text : {&message.role, &message.text, &message.reasoning, &message.toolCallId}) text->clear();
  message.toolCalls.clear();
  message.images.clear();
  message.weight = -1;
  return message;
}

void Call::appendPreview(std::string& out) const {
  constexpr std::size_t kLimit = 160;
  const std::string* source = nullptr;
  for (auto it = messages.rbegin(); it != messages.rend() && !source; ++it)
    if (it->role == "user" && !it->text.empty()) source = &it->text;
  if (!source && !messages.empty()) source = &messages.back().text;
  if (!source && answer) source = &answer->text;
  if (!source) return;
  char text[4 * kLimit];
  std::size_t size = 0, characters = 0;
  bool blank = false;
  for (const char c : *source) {
    if (c == ' ' || (c >= '\t' && c <= '\r') || c == '\0') {
      blank = size > 0;
      continue;
    }
    if ((c & 0xc0) != 0x80) {
      characters += 1 + blank;
      if (characters > kLimit) break;
    }
    if (size + 1 + blank > sizeof text) break;   // only of bytes that are no characters
    if (blank) text[size++] = ' ';
    blank = false;
    text[size++] = c;
  }
  out.append(text, size);
}

Record Call::toRecord() && {
  Record out = std::move(record);
  for (auto& message : messages) out.messages.push_back(messageJson(message));
  if (answer) out.answer = messageJson(*answer);
  if (dispreferred) out.dispreferred = messageJson(*dispreferred);
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
  ReadRules rules;
  dom::Maybe root;
  std::string mended;                 ///< the text that was read instead of the line; empty: the line itself
};

LineParser::LineParser(ReadRules rules) : m_state(std::make_unique<State>()) { m_state->rules = std::move(rules); }
LineParser::~LineParser() = default;
LineParser::LineParser(LineParser&&) noexcept = default;
LineParser& LineParser::operator=(LineParser&&) noexcept = default;

namespace {

/// Parses a line, mending it at most once per kind of defect; `mended` holds the copy that the DOM then reads.
bool parseMending(std::string_view line, bool isPadded, dom::ParserPool& pool, dom::Maybe& root, std::string& mended, Call& call, ParseReject& reject) {
  auto error = pool.parse(line, isPadded, root);
  if (!error) return true;
  if (error == simdjson::DEPTH_ERROR) return reject = {RejectReason::tooDeep, "nested deeper than 1,024"}, false;
  const bool isUtf8 = isValidUtf8(line);
  if (isUtf8 && isPromptSample(line))
    if (auto sample = mendSample(line); sample && !pool.parse(sample->text, false, root)) {
      const auto& first = sample->repairs.front();
      call.repairNote = "line " + std::to_string(first.line) + " of it, column " + std::to_string(first.column) + ": " + first.cause +
                        (sample->repairs.size() > 1 ? ", and " + std::to_string(sample->repairs.size() - 1) + " more" : "");
      call.needsReading = true;
      return mended = std::move(sample->text), true;
    }
  // What is cut or nested too deep stays so, whatever else is wrong with it.
  const RejectReason plain = classifyBadJson(line);
  if (plain == RejectReason::truncated) return reject = {plain, "the text ends inside a string, object or array"}, false;
  if (plain == RejectReason::tooDeep) return reject = {plain, "nested deeper than 1,024"}, false;
  if (line.find_first_of("{[") == std::string_view::npos) return reject = {isUtf8 ? RejectReason::notJson : RejectReason::notUtf8, "no object"}, false;
  std::string copy = isUtf8 ? std::string(line) : repairUtf8(line);
  for (int attempt = 0; attempt < 3; ++attempt) {
    error = pool.parse(copy, false, root);
    if (error == simdjson::SUCCESS) return mended = std::move(copy), true;
    if (error == simdjson::STRING_ERROR && attempt < 2) copy = repairSurrogates(copy);
    else if (error == simdjson::NUMBER_ERROR && attempt < 2) copy = quoteHugeIntegers(copy);
    else break;
  }
  if (error == simdjson::DEPTH_ERROR) reject = {RejectReason::tooDeep, "nested deeper than 1,024"};
  else if (!isUtf8) reject = {RejectReason::notUtf8, "invalid UTF-8, and no JSON after its repair"};
  else reject = {RejectReason::notJson, simdjson::error_message(error)};
  return false;
}

/// "2026-03-02T06:00:00.000Z {…}": CloudWatch's export to object storage puts the time of the event before its text.
std::string_view withoutTimePrefix(std::string_view line) {
  const auto blank = line.find(' ');
  if (line.empty() || line[0] < '0' || line[0] > '9' || blank < 20 || blank > 32 || blank + 1 >= line.size() || line[blank + 1] != '{') return line;
  return parseIsoTime(line.substr(0, blank)) ? line.substr(blank + 1) : line;
}

/// Data without a call around it: that nothing was logged about an answer does not make it incomplete.
bool isConversation(std::string_view source) {
  for (const std::string_view name : {"bedrock-prompts", "prompts", "openai-chat", "openai-preference", "sharegpt", "alpaca", "pairs", "bedrock-batch"})
    if (source == name) return true;
  return false;
}

void finish(Call& call, const ModelAliases* aliases) {
  Record& record = call.record;
  record.model = aliases ? aliases->modelOf(record.modelRaw) : normaliseModel(record.modelRaw);
  if (!record.timeUs) record.flags |= kNoTime;
  const bool isData = isConversation(record.source);
  if (!call.answer) record.flags |= kNoAnswer;
  if (!record.errorCode.empty()) record.status = "error";
  else if (record.flags & (kPartial | kBodyExternal) || (!call.answer && !isData)) record.status = "incomplete";
  else record.status = "ok";
  if (call.answer && record.stop.empty()) record.stop = isData ? "" : "unknown";
  record.turns = static_cast<int>(std::count_if(call.messages.begin(), call.messages.end(), [](const Message& m) { return m.role == "user"; }));
}

}  // namespace

bool LineParser::parse(std::string_view line, bool isPadded, const SpillLoader& spills, Call& call, ParseReject& reject, std::string_view folder) {
  State& s = *m_state;
  call.clear();
  s.pool.reset();
  s.mended.clear();
  s.root.reset();
  line = withoutTimePrefix(line);
  if (!parseMending(line, isPadded, s.pool, s.root, s.mended, call, reject)) return false;
  const bool wasMended = !s.mended.empty();
  if (!readEnvelope({s.root, spills, s.pool, call, reject, s.rules.pairs.get(), folder}, s.rules)) return false;
  if (call.isNoCall) return true;
  if (wasMended) call.record.flags |= kRepaired;
  if (hasDuplicateKeys(*s.root)) call.record.flags |= kDupKeys;
  finish(call, s.rules.aliases.get());
  hash(call);
  bool isUuid = false;
  if (call.record.requestId.empty()) {
    call.requestKey = contentKey(call);
    call.record.requestId = requestKeyText(call.requestKey, false);
    call.record.flags |= kSyntheticId;
  } else if (call.record.flags & kSyntheticId) {   // read back from Retort's own form
    const auto bytes = fromHex(call.record.requestId);
    call.requestKey = bytes.ok() && bytes->size() == 16 ? *bytes : requestKey(call.record.requestId, isUuid);
    isUuid = false;
  } else {
    call.requestKey = requestKey(call.record.requestId, isUuid);
  }
  if (isUuid) call.record.flags |= kUuid;
  return true;
}

std::vector<Unit> LineParser::units(std::string_view line) const {
  const State& s = *m_state;
  if (!s.root || !isContainer(*s.root)) return {};
  const auto prefix = line.size() - withoutTimePrefix(line).size();
  auto found = unitsOf(s.mended.empty() ? line.substr(prefix) : std::string_view(s.mended), s.root);
  for (auto& unit : found) {
    if (s.mended.empty()) {
      unit.begin += prefix;
    } else {   // places are those of the mended copy: the unit keeps its text, and the whole document as its place
      if (unit.text.empty()) unit.text = s.mended.substr(unit.begin, unit.length);
      unit.begin = 0;
      unit.length = line.size();
    }
  }
  return found;
}

}  // namespace retort::logs

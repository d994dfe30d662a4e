// Reading what all formats have: times, counts, metadata, prompts and answers of any shape.
#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

constexpr std::size_t kMostKeys = 256;
constexpr std::size_t kMostValue = 4096;
constexpr int kMostDepth = 4;

std::optional<double> parsedNumber(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

void setMetadata(Call& call, std::string_view key, std::string value) {
  auto& metadata = call.record.metadata;
  for (auto& [k, v] : metadata)
    if (k == key) return void(v = std::move(value));
  if (metadata.size() < kMostKeys && value.size() <= kMostValue && !key.empty()) metadata.emplace_back(key, std::move(value));
}

void addNested(Call& call, const std::string& key, const Maybe& value, int depth) {
  if (dom::isNull(value)) return;
  simdjson::dom::object members;
  if (!value->get_object().get(members) && depth < kMostDepth) {
    for (const auto& member : members) addNested(call, key.empty() ? std::string(member.key) : key + "." + std::string(member.key), Maybe(member.value), depth + 1);
    return;
  }
  if (const auto text = str(value)) return setMetadata(call, key, std::string(*text));
  if (value->is_array() && !dom::first(value)) return;   // an empty list says nothing
  setMetadata(call, key, dom::minified(value));
}

/// JSON text of an object or a list, unpacked; anything else as it is.
Maybe unpacked(const Maybe& value, dom::ParserPool& pool) {
  const auto text = str(value);
  if (!text) return value;
  const auto begin = trimmed(*text);
  if (begin.empty() || (begin.front() != '{' && begin.front() != '[')) return value;
  const auto inner = pool.parse(*text);
  return dom::isObject(inner) || dom::isArray(inner) ? inner : value;
}

void addText(Call& call, std::string_view role, std::string_view text) {
  Message message;
  message.role = role;
  message.text = text;
  call.messages.push_back(std::move(message));
}

bool looksLikeMessage(const Maybe& e) {
  return dom::isObject(e) && (get(e, "role") || get(e, "content") || get(e, "kwargs") || get(e, "parts") || (get(e, "from") && get(e, "value")));
}

}  // namespace

std::optional<std::int64_t> timeOf(const Maybe& time) {
  std::optional<double> number = dom::number(time);
  if (const auto text = str(time)) {
    if (const auto iso = parseIsoTime(*text)) return iso;
    // Nanoseconds in a text have more digits than a double: cut them to microseconds.
    if (text->size() == 19 && text->find_first_not_of("0123456789") == std::string_view::npos) {
      std::int64_t micros = 0;
      std::from_chars(text->data(), text->data() + 16, micros);
      return micros;
    }
    number = parsedNumber(*text);
  }
  if (std::int64_t exact = 0; time && !time->get_int64().get(exact) && exact > 100'000'000'000'000'000) return exact / 1000;
  if (!number || *number <= 0 || *number > 4e18) return std::nullopt;
  const double scale = *number < 1e11 ? 1e6 : *number < 1e14 ? 1e3 : *number < 1e17 ? 1.0 : 1e-3;
  return std::llround(*number * scale);
}

Maybe anyOf(const Maybe& object, std::initializer_list<std::string_view> names) {
  for (const auto name : names)
    if (const auto value = get(object, name); value && !value->is_null()) return value;
  return std::nullopt;
}

void setCount(std::optional<std::int64_t>& to, const Maybe& from) {
  if (to) return;
  auto value = dom::integer(from);
  if (const auto text = str(from))
    if (const auto number = parsedNumber(*text); number && *number == std::floor(*number) && std::abs(*number) < 9e15) value = static_cast<std::int64_t>(*number);
  if (value && *value >= 0) to = value;
}

std::optional<double> realOf(const Maybe& from) {
  if (const auto text = str(from)) return parsedNumber(*text);
  return dom::number(from);
}

void setDurations(Record& record, std::optional<std::int64_t> start, std::optional<std::int64_t> first, std::optional<std::int64_t> end) {
  if (!start) return;
  if (end && *end >= *start && !record.latencyMs) record.latencyMs = (*end - *start + 500) / 1000;
  if (first && *first >= *start && !record.ttftMs) record.ttftMs = (*first - *start + 500) / 1000;
}

void addMetadata(Call& call, std::string_view key, const Maybe& value) { addNested(call, std::string(key), value, 0); }

void addMetadata(Call& call, std::string_view key, std::string_view value) {
  if (!value.empty()) setMetadata(call, key, std::string(value));
}

void addMembers(Call& call, const Maybe& object) {
  if (dom::isObject(object)) addNested(call, {}, object, 0);
}

void readPromptOf(Call& call, const Maybe& packed, dom::ParserPool& pool) {
  const auto prompt = unpacked(packed, pool);
  if (const auto text = str(prompt)) {
    if (!text->empty()) addText(call, "user", *text);
    return;
  }
  if (dom::isArray(prompt)) {
    const auto begin = dom::first(prompt);
    if (dom::isArray(begin)) return readPromptOf(call, begin, pool);   // LangChain: a list of lists
    dom::forEach(prompt, [&](const Maybe& item) {
      if (const auto text = str(item)) addText(call, "user", *text);
      else if (dom::isObject(item)) appendMessage(call, item);
    });
    return;
  }
  if (!dom::isObject(prompt)) return;
  if (get(prompt, "messages") || get(prompt, "prompt") || get(prompt, "inputText") || get(prompt, "message")) {
    const auto inner = unpacked(get(prompt, "messages"), pool);
    if (dom::isArray(inner) && dom::isArray(dom::first(inner))) return readPromptOf(call, inner, pool);
    const auto before = call.messages.size();
    parseRequestBody(call, prompt, pool);
    if (call.messages.size() == before && inner) readPromptOf(call, inner, pool);
    return;
  }
  if (const auto input = get(prompt, "input"); input && !get(prompt, "role")) {
    if (const auto text = str(get(prompt, "instructions"))) addText(call, "system", *text);
    readToolsOf(call, prompt);
    readParametersOf(call, prompt);
    return readPromptOf(call, input, pool);
  }
  if (const auto list = dom::first(get(prompt, "prompts"))) return readPromptOf(call, list, pool);
  if (looksLikeMessage(prompt)) appendMessage(call, prompt);
  else addText(call, "user", textOfJson(call, prompt));
}

void readAnswerOf(Call& call, const Maybe& packed, dom::ParserPool& pool) {
  Maybe answer = unpacked(packed, pool);
  if (const auto text = str(answer)) {
    call.answer.emplace();
    call.answer->role = "assistant";
    call.answer->text = *text;
    return;
  }
  const auto asMessage = [&](const Maybe& source) {
    const auto count = call.messages.size();
    appendMessage(call, source, "assistant");
    if (call.messages.size() == count) return;
    call.answer = std::move(call.messages.back());
    call.messages.resize(count);
    call.answer->role = "assistant";
  };
  if (dom::isArray(answer)) {
    if (looksLikeStream(answer, pool)) return joinStream(call, answer, pool);
    Maybe last;
    dom::forEach(answer, [&](const Maybe& item) { last = item; });
    if (dom::isArray(last)) return readAnswerOf(call, last, pool);
    if (get(dom::first(answer), "type") && !get(dom::first(answer), "role") && str(get(dom::first(answer), "text"))) {   // bare content blocks
      Message joined;
      dom::forEach(answer, [&](const Maybe& block) {
        if (!joined.text.empty()) joined.text += '\n';
        joined.text += strOr(get(block, "text"));
      });
      joined.role = "assistant";
      call.answer = std::move(joined);
      return;
    }
    if (last) readAnswerOf(call, last, pool);
    return;
  }
  if (!dom::isObject(answer)) return;
  if (const auto generations = get(answer, "generations"); dom::isArray(generations) && !get(answer, "prompt")) {   // LangChain: lists of lists
    auto item = dom::first(generations);
    if (dom::isArray(item)) item = dom::first(item);
    if (const auto message = get(item, "message")) asMessage(message);
    else if (const auto text = str(get(item, "text"))) readAnswerOf(call, get(item, "text"), pool);
    setStop(call, get(item, "generation_info", "finish_reason"));
    readUsage(call, get(answer, "llm_output", "token_usage"));
    return;
  }
  if (dom::isArray(get(answer, "choices")) || get(answer, "completion") || get(answer, "generation") || get(answer, "results") || get(answer, "output", "message") ||
      (dom::isArray(get(answer, "content")) && get(answer, "stop_reason")))
    return parseResponseBody(call, answer, pool);
  if (const auto output = get(answer, "output"); output && !get(answer, "role")) {   // OpenAI Responses: a list of items
    const auto count = call.messages.size();
    if (dom::isArray(output)) {
      Message joined;
      dom::forEach(output, [&](const Maybe& item) { appendMessage(call, item, "assistant"); });
      for (auto i = count; i < call.messages.size(); ++i) {
        joined.text += call.messages[i].text;
        joined.toolCalls.insert(joined.toolCalls.end(), call.messages[i].toolCalls.begin(), call.messages[i].toolCalls.end());
      }
      joined.role = "assistant";
      const bool isAny = call.messages.size() > count;
      call.messages.resize(count);
      if (isAny) call.answer = std::move(joined);
    } else {
      readAnswerOf(call, output, pool);
    }
    readUsage(call, get(answer, "usage"));
    if (const auto status = str(get(answer, "status"))) {
      if (*status == "completed") call.record.stopRaw = "stop", call.record.stop = call.answer && !call.answer->toolCalls.empty() ? "tool" : "stop";
      else setStop(call, get(answer, "incomplete_details", "reason"));
    }
    return;
  }
  for (const char* inner : {"messages", "message", "completions", "text", "answer", "response"})
    if (const auto value = get(answer, inner); value && !get(answer, "role")) return readAnswerOf(call, value, pool);
  if (looksLikeMessage(answer) || get(answer, "tool_calls")) asMessage(answer);
  else readAnswerOf(call, Maybe(), pool);
}

void takeAnswerFromMessages(Call& call) {
  if (call.answer || call.messages.empty() || call.messages.back().role != "assistant") return;
  call.answer = std::move(call.messages.back());
  call.messages.pop_back();
}

bool hasContent(const Call& call) {
  const auto holds = [](const Message& m) { return !m.text.empty() || !m.toolCalls.empty() || !m.images.empty(); };
  for (const auto& message : call.messages)
    if (holds(message)) return true;
  return call.answer && holds(*call.answer);
}

}  // namespace retort::logs

// Attributes come as an object, nested or with dots, as OTLP's list of {key, value wrapper}, or as columns: one look-up for all of them.
#include "logs/format_spans.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "logs/body_parser.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

/// {"stringValue":…}, {"intValue":"7"} … to the value inside.
Maybe unwrapValue(const Maybe& value) {
  for (const char* kind : {"stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue", "string_value", "int_value", "double_value", "bool_value"})
    if (const auto inner = get(value, kind)) return inner;
  return value;
}

class Attributes {
 public:
  explicit Attributes(const Maybe& span) {
    const auto attributes = anyOf(span, {"attributes", "span_attributes", "Attributes", "SpanAttributes"});
    if (dom::isArray(attributes)) addList(attributes);
    else if (dom::isObject(attributes)) addObject({}, attributes, 0);
    else addObject({}, span, 0);
  }
  void addList(const Maybe& list) {
    dom::forEach(list, [&](const Maybe& pair) { set(std::string(strOr(get(pair, "key"))), unwrapValue(get(pair, "value"))); });
  }
  [[nodiscard]] Maybe find(std::string_view key) const {
    const auto found = m_all.find(key);
    return found == m_all.end() ? Maybe() : found->second;
  }
  [[nodiscard]] Maybe any(std::initializer_list<std::string_view> keys) const {
    for (const auto key : keys)
      if (const auto value = find(key); value && !value->is_null()) return value;
    return std::nullopt;
  }
  [[nodiscard]] const std::map<std::string, Maybe, std::less<>>& all() const { return m_all; }
  [[nodiscard]] bool hasPrefix(std::string_view prefix) const {
    const auto at = m_all.lower_bound(prefix);
    return at != m_all.end() && std::string_view(at->first).starts_with(prefix);
  }

 private:
  void set(std::string key, const Maybe& value) {
    // Columns of a data frame: "attributes.llm.model_name".
    if (key.starts_with("attributes.")) key.erase(0, 11);
    if (!key.empty()) m_all.insert_or_assign(std::move(key), value);
  }
  void addObject(const std::string& prefix, const Maybe& object, int depth) {
    simdjson::dom::object members;
    if (!object || object->get_object().get(members)) return;
    for (const auto& member : members) {
      const std::string key = prefix.empty() ? std::string(member.key) : prefix + "." + std::string(member.key);
      // The object itself stays to be found: a value may be one.
      set(key, unwrapValue(Maybe(member.value)));
      if (member.value.is_object() && depth < 8) addObject(key, Maybe(member.value), depth + 1);
    }
  }
  std::map<std::string, Maybe, std::less<>> m_all;
};

/// {"resource":…,"span":…}, as units.h puts them together.
bool isComposite(const Maybe& root) { return dom::isObject(get(root, "span")) && get(root, "resource"); }
Maybe spanOf(const Maybe& root) { return isComposite(root) ? get(root, "span") : root; }

bool hasSpanAttributes(const Maybe& root) {
  const auto span = spanOf(root);
  if (anyOf(span, {"attributes", "span_attributes", "Attributes", "SpanAttributes"})) return true;
  simdjson::dom::object members;
  if (!span || span->get_object().get(members)) return false;
  return std::any_of(members.begin(), members.end(), [](const auto& member) {
    return member.key.substr(0, 7) == "gen_ai." || member.key.substr(0, 14) == "openinference." || member.key.substr(0, 15) == "attributes.llm." || member.key.substr(0, 25) == "attributes.openinference.";
  });
}

/// Flat lists of both conventions: PREFIX.0.SUFFIXrole, PREFIX.0.SUFFIXcontent, and their tool calls.
void readFlatMessages(Call& call, const Attributes& attributes, const std::string& prefix, const std::string& inner, std::string_view defaultRole) {
  for (int i = 0; i < 4096; ++i) {
    const std::string at = prefix + std::to_string(i) + "." + inner;
    if (!attributes.hasPrefix(at)) return;
    Message message;
    const auto role = strOr(attributes.find(at + "role"), defaultRole);
    message.role = role == "human" ? "user" : role == "ai" || role == "model" ? "assistant" : role == "developer" ? "system" : role;
    message.text = strOr(attributes.find(at + "content"));
    message.toolCallId = strOr(attributes.find(at + "tool_call_id"));
    for (int part = 0; part < 4096 && attributes.hasPrefix(at + "contents." + std::to_string(part) + "."); ++part) {
      const std::string block = at + "contents." + std::to_string(part) + ".message_content.";
      if (const auto text = str(attributes.find(block + "text"))) message.text += (message.text.empty() ? "" : "\n") + std::string(*text);
      else if (attributes.hasPrefix(block + "image")) message.images.push_back({"url", 0}), call.record.flags |= kImages;
    }
    for (int tool = 0; tool < 4096 && attributes.hasPrefix(at + "tool_calls." + std::to_string(tool) + "."); ++tool) {
      const std::string base = at + "tool_calls." + std::to_string(tool) + ".";
      const auto field = [&](std::initializer_list<const char*> names) {
        for (const char* name : names)
          if (const auto text = str(attributes.find(base + name))) return std::string(*text);
        return std::string();
      };
      message.toolCalls.push_back({field({"tool_call.id", "id"}), field({"tool_call.function.name", "name", "function.name"}),
                                   field({"tool_call.function.arguments", "arguments", "function.arguments"})});
    }
    call.messages.push_back(std::move(message));
  }
}

void lastBecomesAnswer(Call& call, std::size_t before) {
  if (call.messages.size() <= before) return;
  call.answer = std::move(call.messages[before]);
  call.answer->role = "assistant";
  call.messages.resize(before);
}

void readTimes(const Maybe& span, Record& r) {
  const auto start = timeOf(anyOf(span, {"startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "Timestamp", "StartTime"}));
  r.timeUs = start;
  setDurations(r, start, std::nullopt, timeOf(anyOf(span, {"endTimeUnixNano", "end_time_unix_nano", "end_time", "endTime", "EndTime"})));
}

std::string spanId(const Maybe& span) {
  const auto trace = strOr(anyOf(span, {"traceId", "trace_id", "TraceId", "context.trace_id"}), strOr(get(span, "context", "trace_id")));
  const auto id = strOr(anyOf(span, {"spanId", "span_id", "SpanId", "context.span_id"}), strOr(get(span, "context", "span_id")));
  return id.empty() ? std::string() : std::string(trace) + (trace.empty() ? "" : ":") + std::string(id);
}

void readStatus(const Maybe& span, const Attributes& attributes, Record& r) {
  const auto status = anyOf(span, {"status", "Status"});
  const auto code = get(status, "code");
  const bool isError = dom::integer(code) == 2 || strOr(code) == "STATUS_CODE_ERROR" || strOr(get(status, "status_code")) == "ERROR" || strOr(anyOf(span, {"status_code", "StatusCode"})) == "ERROR" ||
                       strOr(get(span, "StatusCode")) == "STATUS_CODE_ERROR";
  const auto type = strOr(attributes.find("error.type"));
  if (!isError && type.empty()) return;
  r.errorCode = type.empty() ? "error" : type;
  r.reason = strOr(anyOf(status, {"message", "description"}), strOr(anyOf(span, {"status_message", "StatusMessage"})));
}

void addResource(const Reading& reading) {
  const auto list = get(reading.root, "resource", "attributes");
  dom::forEach(list, [&](const Maybe& pair) { addMetadata(reading.call, strOr(get(pair, "key")), unwrapValue(get(pair, "value"))); });
  if (dom::isObject(list)) addMembers(reading.call, list);
  const auto own = get(spanOf(reading.root), "resource");
  if (dom::isObject(get(own, "attributes"))) addMembers(reading.call, get(own, "attributes"));
}

/// What no field of the record takes becomes metadata; the conversation itself does not.
void addRest(Call& call, const Attributes& attributes, std::initializer_list<std::string_view> fields, std::initializer_list<std::string_view> prefixes) {
  for (const auto& [key, value] : attributes.all()) {
    if (dom::isObject(value)) continue;   // its members come by themselves
    const bool isTaken = std::find(fields.begin(), fields.end(), key) != fields.end() ||
                         std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) { return std::string_view(key).starts_with(prefix); });
    if (!isTaken) addMetadata(call, key, value);
  }
}

/// Events of a span: prompts and answers of older conventions.
void readEvents(const Reading& reading, const Maybe& span) {
  Call& call = reading.call;
  dom::forEach(anyOf(span, {"events", "Events"}), [&](const Maybe& event) {
    const auto name = strOr(get(event, "name"));
    const Attributes fields(event);
    const auto content = fields.find("content");
    if (name == "gen_ai.content.prompt") return readPromptOf(call, fields.find("gen_ai.prompt"), reading.pool);
    if (name == "gen_ai.content.completion") return readAnswerOf(call, fields.find("gen_ai.completion"), reading.pool);
    if (name == "gen_ai.client.inference.operation.details") {
      readPromptOf(call, fields.find("gen_ai.input.messages"), reading.pool);
      if (const auto output = fields.find("gen_ai.output.messages")) readAnswerOf(call, output, reading.pool);
      return;
    }
    for (const std::string_view role : {"system", "user", "assistant", "tool"})
      if (name == "gen_ai." + std::string(role) + ".message") {
        Message message;
        message.role = role;
        message.text = strOr(content);
        call.messages.push_back(std::move(message));
      }
    if (name == "gen_ai.choice") {
      const auto message = fields.find("message") ? fields.find("message") : content;
      readAnswerOf(call, message, reading.pool);
      setStop(call, fields.find("finish_reason"));
    }
  });
}

}  // namespace

bool isOtelSpan(const Maybe& root) {
  if (!hasSpanAttributes(root)) return false;
  const Attributes attributes(spanOf(root));
  if (attributes.find("openinference.span.kind")) return false;
  if (attributes.hasPrefix("gen_ai.") || isComposite(root)) return true;
  // Spans of other work stand between those of the calls.
  return dom::isObject(get(root, "attributes")) && anyOf(root, {"startTimeUnixNano", "start_time"}) && (get(root, "context", "span_id") || anyOf(root, {"spanId", "span_id"}));
}

bool readOtelSpan(const Reading& reading) {
  const auto span = spanOf(reading.root);
  Call& call = reading.call;
  Record& r = call.record;
  call.needsReading = isComposite(reading.root);   // its resource stands elsewhere in the document
  Attributes attributes(span);
  if (attributes.find("openinference.span.kind")) {
    r.source = call.format = "phoenix";
    return readPhoenixSpan(reading);
  }
  const auto operation = strOr(attributes.find("gen_ai.operation.name"), strOr(attributes.find("llm.request.type")));
  const bool isCall = operation == "chat" || operation == "text_completion" || operation == "generate_content" || operation == "completion";
  const auto model = attributes.any({"gen_ai.response.model", "gen_ai.request.model"});
  if (!isCall && (!operation.empty() || !model)) return reading.noCall();
  r.requestId = spanId(span);
  r.operation = operation.empty() ? "chat" : operation;
  r.modelRaw = strOr(model);
  readTimes(span, r);
  if (const auto system = attributes.find("gen_ai.system_instructions")) {
    const auto before = call.messages.size();
    readAnswerOf(call, system, reading.pool);   // text, or a list of parts
    if (call.answer && call.messages.size() == before) {
      call.messages.push_back(std::move(*call.answer));
      call.messages.back().role = "system";
    }
    call.answer.reset();
    if (call.messages.size() > before && call.messages[before].text.empty()) call.messages.resize(before);
  }
  if (const auto input = attributes.any({"gen_ai.input.messages", "gen_ai.prompt"})) readPromptOf(call, input, reading.pool);
  else readFlatMessages(call, attributes, "gen_ai.prompt.", "", "user");
  const auto before = call.messages.size();
  if (const auto output = attributes.any({"gen_ai.output.messages", "gen_ai.completion"})) {
    readAnswerOf(call, output, reading.pool);
    const auto list = reading.pool.unwrapped(output);
    setStop(call, get(dom::first(list), "finish_reason"));
  } else {
    readFlatMessages(call, attributes, "gen_ai.completion.", "", "assistant");
    lastBecomesAnswer(call, before);
    setStop(call, attributes.find("gen_ai.completion.0.finish_reason"));
  }
  if (call.messages.empty() && !call.answer) readEvents(reading, span);
  const auto reasons = attributes.find("gen_ai.response.finish_reasons");
  const auto first = dom::first(reasons) ? dom::first(reasons) : dom::first(get(reasons, "values"));
  if (r.stop.empty()) setStop(call, unwrapValue(first));
  if (r.stop.empty() && reasons) setStop(call, dom::first(reading.pool.unwrapped(reasons)));
  readToolsOf(call, Maybe());
  if (const auto tools = reading.pool.unwrapped(attributes.any({"gen_ai.tool.definitions"})); dom::isArray(tools))
    dom::forEach(tools, [&](const Maybe& tool) {
      const auto f = get(tool, "function") ? get(tool, "function") : tool;
      call.tools.push_back({std::string(strOr(get(f, "name"))), std::string(strOr(get(f, "description"))), dom::minified(get(f, "parameters"))});
    });
  setCount(r.inputTokens, attributes.any({"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"}));
  setCount(r.outputTokens, attributes.any({"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"}));
  setCount(r.cachedTokens, attributes.any({"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"}));
  if (const auto seconds = realOf(attributes.any({"gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_token"})); seconds && *seconds >= 0) r.ttftMs = static_cast<std::int64_t>(*seconds * 1000 + 0.5);
  r.cost = realOf(attributes.any({"gen_ai.usage.cost", "gen_ai.cost.total"}));
  static constexpr std::pair<std::string_view, std::string_view> kParameters[] = {
      {"gen_ai.request.temperature", "temperature"}, {"gen_ai.request.top_p", "top_p"}, {"gen_ai.request.top_k", "top_k"},
      {"gen_ai.request.max_tokens", "max_tokens"}, {"gen_ai.request.seed", "seed"}, {"gen_ai.request.stop_sequences", "stop"}};
  for (const auto& [key, name] : kParameters)
    if (const auto value = attributes.find(key); value && !value->is_object()) call.parameters.emplace_back(name, str(value) && name != "stop" ? std::string(*str(value)) : dom::minified(value));
  for (auto& [name, value] : call.parameters)   // OTLP writes integers as texts: only numbers may stand without quotes
    if (name != "stop" && value.find_first_not_of("0123456789.eE+-") != std::string::npos) value = "null";
  readStatus(span, attributes, r);
  r.parser = "openai";
  addResource(reading);
  addRest(call, attributes, {"gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.system_instructions", "gen_ai.tool.definitions", "error.type", "llm.request.type"},
          {"gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.usage.", "gen_ai.request.", "gen_ai.response.finish_reasons", "llm.usage"});
  return hasContent(call) || reading.fail(RejectReason::missingField, "the span holds no messages: turn the capture of message content on");
}

bool isPhoenixSpan(const Maybe& root) {
  if (!hasSpanAttributes(root)) return false;
  return Attributes(spanOf(root)).find("openinference.span.kind").has_value() || (get(root, "span_kind") && Attributes(spanOf(root)).hasPrefix("llm."));
}

bool readPhoenixSpan(const Reading& reading) {
  const auto span = spanOf(reading.root);
  Call& call = reading.call;
  Record& r = call.record;
  call.needsReading = isComposite(reading.root);
  const Attributes attributes(span);
  const auto kind = strOr(attributes.find("openinference.span.kind"), strOr(get(span, "span_kind")));
  if (kind != "LLM") return reading.noCall();
  r.requestId = spanId(span);
  r.operation = strOr(get(span, "name"));
  r.modelRaw = strOr(attributes.find("llm.model_name"));
  readTimes(span, r);
  readFlatMessages(call, attributes, "llm.input_messages.", "message.", "user");
  if (call.messages.empty())
    if (const auto list = reading.pool.unwrapped(attributes.find("llm.input_messages")); dom::isArray(list))
      dom::forEach(list, [&](const Maybe& item) { appendMessage(call, get(item, "message") ? get(item, "message") : item); });
  if (call.messages.empty()) readPromptOf(call, attributes.find("input.value"), reading.pool);
  const auto before = call.messages.size();
  readFlatMessages(call, attributes, "llm.output_messages.", "message.", "assistant");
  lastBecomesAnswer(call, before);
  if (!call.answer)
    if (const auto item = dom::first(reading.pool.unwrapped(attributes.find("llm.output_messages")))) readAnswerOf(call, get(item, "message") ? get(item, "message") : item, reading.pool);
  if (!call.answer)
    if (const auto value = attributes.find("output.value")) readAnswerOf(call, value, reading.pool);
  setCount(r.inputTokens, attributes.find("llm.token_count.prompt"));
  setCount(r.outputTokens, attributes.find("llm.token_count.completion"));
  setCount(r.cachedTokens, attributes.find("llm.token_count.prompt_details.cache_read"));
  r.cost = realOf(attributes.any({"llm.cost.total"}));
  const auto parameters = reading.pool.unwrapped(attributes.find("llm.invocation_parameters"));
  readParametersOf(call, parameters);
  readToolsOf(call, parameters);
  for (int i = 0; i < 4096 && call.tools.size() <= static_cast<std::size_t>(i); ++i) {
    const auto schema = reading.pool.unwrapped(attributes.find("llm.tools." + std::to_string(i) + ".tool.json_schema"));
    if (!dom::isObject(schema)) break;
    const auto f = get(schema, "function") ? get(schema, "function") : schema;
    call.tools.push_back({std::string(strOr(get(f, "name"))), std::string(strOr(get(f, "description"))), dom::minified(get(f, "parameters"))});
  }
  readStatus(span, attributes, r);
  r.parser = "openai";
  addResource(reading);
  addMembers(call, reading.pool.unwrapped(attributes.find("metadata")));
  addRest(call, attributes, {"openinference.span.kind", "llm.model_name", "llm.invocation_parameters", "metadata", "error.type", "name", "span_kind", "start_time", "end_time", "status_code"},
          {"llm.input_messages", "llm.output_messages", "llm.token_count.", "llm.cost.", "llm.tools", "input.", "output.", "context.", "exception", "events", "metadata."});
  return hasContent(call) || reading.fail(RejectReason::missingField, "the span holds no messages");
}

}  // namespace retort::logs

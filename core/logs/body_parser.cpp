// Choosing the dialect of a body by its keys, then reading it.
#include "logs/body_parser.h"

#include <array>
#include <charconv>
#include <cmath>

#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

void addText(Call& call, std::string_view role, std::string_view text) {
  if (text.empty()) return;
  Message message = call.newMessage();
  message.role = role;
  message.text = text;
  call.messages.push_back(std::move(message));
}

/// "system" as text, as array of {text}, or as one such object; cachePoint blocks have no text.
void readSystem(Call& call, const Maybe& system) {
  if (const auto text = str(system)) return addText(call, "system", *text);
  std::string joined;
  const auto append = [&](const Maybe& block) {
    const auto text = str(block) ? *str(block) : strOr(get(block, "text"));
    if (!joined.empty() && !text.empty()) joined += '\n';
    joined += text;
  };
  if (dom::isObject(system)) append(system);
  dom::forEach(system, append);
  addText(call, "system", joined);
}

void readTools(Call& call, const Maybe& body) {
  const auto add = [&](std::string_view name, std::string_view description, const Maybe& parameters) {
    if (!name.empty()) call.tools.push_back({std::string(name), std::string(description), dom::minified(parameters)});
  };
  const auto list = dom::isArray(get(body, "tools")) ? get(body, "tools") : get(body, "toolConfig", "tools");
  dom::forEach(list, [&](const Maybe& tool) {
    if (const auto spec = get(tool, "toolSpec")) {
      const auto schema = get(spec, "inputSchema");
      const auto json = get(schema, "json");
      add(strOr(get(spec, "name")), strOr(get(spec, "description")), json ? json : schema);
    } else if (const auto function = get(tool, "function")) {
      add(strOr(get(function, "name")), strOr(get(function, "description")), get(function, "parameters"));
    } else {
      const auto schema = get(tool, "input_schema");
      add(strOr(get(tool, "name")), strOr(get(tool, "description")), schema ? schema : get(tool, "parameter_definitions"));
    }
  });
}

/// The JSON text of a parameter; tracers write numbers as texts.
std::string numberText(const Maybe& value) {
  const auto text = str(value);
  double number = 0;
  if (text && !text->empty())
    if (const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number); error == std::errc() && end == text->data() + text->size() && std::isfinite(number) &&
        Json::accept(*text))
      return std::string(*text);
  return dom::minified(value);
}

void readParameters(Call& call, const Maybe& body) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kNames = {{
      {"temperature", "temperature"}, {"top_p", "top_p"}, {"topP", "top_p"}, {"p", "top_p"}, {"top_k", "top_k"}, {"topK", "top_k"},
      {"k", "top_k"}, {"max_tokens", "max_tokens"}, {"maxTokens", "max_tokens"}, {"max_new_tokens", "max_tokens"},
      {"max_gen_len", "max_tokens"}, {"max_tokens_to_sample", "max_tokens"}, {"maxTokenCount", "max_tokens"}, {"maxOutputTokens", "max_tokens"},
      {"max_completion_tokens", "max_tokens"}, {"stop", "stop"}, {"stop_sequences", "stop"}, {"stopSequences", "stop"}, {"seed", "seed"}}};
  for (const auto& holder : {body, get(body, "inferenceConfig"), get(body, "textGenerationConfig")}) {
    simdjson::dom::object members;
    if (!holder || holder->get_object().get(members)) continue;
    for (const auto& member : members)
      for (const auto& [from, to] : kNames)
        if (member.key == from && !member.value.is_null() && !member.value.is_object())
          call.parameters.emplace_back(to, numberText(Maybe(member.value)));
  }
}

/// The dialect of a request that has `messages`.
std::string_view chatDialect(const Call& call, const Maybe& body) {
  const std::string_view model = call.record.modelRaw;
  if (get(body, "anthropic_version")) return "claude";
  bool converse = get(body, "inferenceConfig").has_value() || get(body, "toolConfig").has_value();
  const auto content = get(dom::first(get(body, "messages")), "content");
  if (dom::isArray(content) && !get(dom::first(content), "type")) converse = true;
  if (converse || call.record.operation.starts_with("Converse"))
    return call.record.operation.starts_with("InvokeModel") || get(body, "schemaVersion") ? "nova" : "converse";
  if (contains(model, "anthropic.") || contains(model, "claude")) return "claude";
  if (contains(model, "mistral")) return "mistral";
  return "openai";
}

std::string_view promptDialect(const Call& call, const Maybe& body) {
  const std::string_view model = call.record.modelRaw;
  if (get(body, "max_tokens_to_sample") || contains(model, "anthropic.")) return "claude-legacy";
  if (get(body, "max_gen_len") || contains(model, "meta.") || contains(model, "llama")) return "llama";
  if (contains(model, "mistral.") || contains(model, "mixtral")) return "mistral-text";
  if (get(body, "num_generations") || contains(model, "cohere.")) return "cohere-command";
  if (contains(model, "ai21.")) return "ai21";
  if (contains(model, "deepseek.") || contains(model, "deepseek-")) return "deepseek";
  return "prompt";
}

void readPrompt(Call& call, std::string_view prompt) {
  if (splitPrompt(prompt, call.messages)) return;
  addText(call, "user", prompt);
  call.record.flags |= kRawPrompt;
}

void readCohereChat(Call& call, const Maybe& body) {
  readSystem(call, get(body, "preamble"));
  dom::forEach(get(body, "chat_history"), [&](const Maybe& turn) {
    const auto role = strOr(get(turn, "role"));
    addText(call, role == "CHATBOT" ? "assistant" : role == "SYSTEM" ? "system" : role == "TOOL" ? "tool" : "user", strOr(get(turn, "message")));
  });
  addText(call, "user", strOr(get(body, "message")));
}

void answerText(Call& call, std::string_view text) {
  Message message = call.newMessage();
  message.role = "assistant";
  message.text = text;
  call.answer = std::move(message);
}

void answerMessage(Call& call, const Maybe& source) {
  const auto count = call.messages.size();
  appendMessage(call, source, "assistant");
  if (call.messages.size() == count) return;
  call.answer = std::move(call.messages.back());
  call.messages.resize(count);
  call.answer->role = "assistant";
}

/// choices[0] of OpenAI, Mistral and DeepSeek.
void readChoice(Call& call, const Maybe& body) {
  const auto choice = dom::first(get(body, "choices"));
  if (const auto message = get(choice, "message")) answerMessage(call, message);
  else if (const auto text = str(get(choice, "text"))) answerText(call, *text);
  setStop(call, get(choice, "stop_reason"));
  setStop(call, get(choice, "finish_reason"));
}

void readCohereAnswer(Call& call, const Maybe& body) {
  answerText(call, strOr(get(body, "text")));
  dom::forEach(get(body, "tool_calls"), [&](const Maybe& item) {
    call.answer->toolCalls.push_back({std::string(strOr(get(item, "id"))), std::string(strOr(get(item, "name"))), textOfJson(call, get(item, "parameters"))});
  });
  setStop(call, get(body, "finish_reason"));
}

/// A guardrail that stepped in: InvokeModel says so beside the model's own stop reason; the trace says what it found.
void readGuardrail(Call& call, const Maybe& body) {
  if (strOr(get(body, "amazon-bedrock-guardrailAction")) == "INTERVENED") {
    call.record.stopRaw = "guardrail_intervened";
    call.record.stop = "filtered";
  }
  if (call.record.stopRaw != "guardrail_intervened") return;
  constexpr std::size_t kMost = 1000;
  const auto trace = get(body, "amazon-bedrock-trace", "guardrail") ? get(body, "amazon-bedrock-trace", "guardrail") : get(body, "trace", "guardrail");
  if (trace) call.record.reason = dom::minified(trace).substr(0, kMost);
}

void readCounts(Call& call, const Maybe& body) {
  Record& record = call.record;
  readUsage(call, get(body, "usage"));
  const auto set = [](std::optional<std::int64_t>& to, const Maybe& from) {
    if (const auto value = dom::integer(from); value && *value >= 0 && !to) to = value;
  };
  set(record.inputTokens, get(body, "prompt_token_count"));
  set(record.outputTokens, get(body, "generation_token_count"));
  set(record.inputTokens, get(body, "inputTextTokenCount"));
  set(record.outputTokens, get(dom::first(get(body, "results")), "tokenCount"));
  set(record.latencyMs, get(body, "metrics", "latencyMs"));
  const auto metrics = get(body, "amazon-bedrock-invocationMetrics");
  set(record.latencyMs, get(metrics, "invocationLatency"));
  set(record.ttftMs, get(metrics, "firstByteLatency"));
  set(record.inputTokens, get(metrics, "inputTokenCount"));
  set(record.outputTokens, get(metrics, "outputTokenCount"));
}

}  // namespace

void readToolsOf(Call& call, const Maybe& body) { readTools(call, body); }
void readParametersOf(Call& call, const Maybe& body) { readParameters(call, body); }

void parseRequestBody(Call& call, const Maybe& body, dom::ParserPool& pool) {
  Maybe request = pool.unwrapped(body);
  if (dom::isArray(request)) request = pool.unwrapped(dom::first(request));
  if (!dom::isObject(request)) return;
  Record& record = call.record;
  if (const auto text = str(get(request, "inputText"))) {
    record.parser = "titan";
    readPrompt(call, *text);
  } else if (dom::isArray(get(request, "messages"))) {
    record.parser = chatDialect(call, request);
    readSystem(call, get(request, "system"));
    dom::forEach(get(request, "messages"), [&](const Maybe& message) { appendMessage(call, message); });
  } else if (str(get(request, "message"))) {
    record.parser = "cohere";
    readCohereChat(call, request);
  } else if (const auto prompt = str(get(request, "prompt"))) {
    record.parser = promptDialect(call, request);
    readSystem(call, get(request, "system"));
    readPrompt(call, *prompt);
  } else {
    return;
  }
  readTools(call, request);
  readParameters(call, request);
}

void parseResponseBody(Call& call, const Maybe& body, dom::ParserPool& pool) {
  Maybe response = pool.unwrapped(body);
  if (dom::isArray(response)) return joinStream(call, response, pool);
  if (!dom::isObject(response)) return;
  std::string_view dialect;
  if (const auto message = get(response, "output", "message")) {
    dialect = "converse";
    answerMessage(call, message);
  } else if (dom::isArray(get(response, "content"))) {
    dialect = "claude";
    answerMessage(call, response);
  } else if (const auto completion = str(get(response, "completion"))) {
    dialect = "claude-legacy";
    answerText(call, *completion);
  } else if (const auto generation = str(get(response, "generation"))) {
    dialect = "llama";
    answerText(call, *generation);
  } else if (const auto result = dom::first(get(response, "results"))) {
    dialect = "titan";
    answerText(call, strOr(get(result, "outputText")));
    setStop(call, get(result, "completionReason"));
  } else if (const auto output = str(get(response, "outputText"))) {
    dialect = "titan";
    answerText(call, *output);
  } else if (dom::isArray(get(response, "choices"))) {
    dialect = "openai";
    readChoice(call, response);
  } else if (const auto text = dom::first(get(response, "outputs"))) {
    dialect = "mistral-text";
    answerText(call, strOr(get(text, "text")));
    setStop(call, get(text, "stop_reason"));
  } else if (const auto one = dom::first(get(response, "generations"))) {
    dialect = "cohere-command";
    answerText(call, strOr(get(one, "text")));
    setStop(call, get(one, "finish_reason"));
  } else if (const auto completion2 = dom::first(get(response, "completions"))) {
    dialect = "ai21";
    answerText(call, strOr(get(completion2, "data", "text")));
    setStop(call, get(completion2, "finishReason", "reason"));
  } else if (str(get(response, "text"))) {
    dialect = "cohere";
    readCohereAnswer(call, response);
  } else if (const auto v2 = get(response, "message"); dom::isObject(v2)) {
    dialect = "cohere";
    answerMessage(call, v2);
    setStop(call, get(response, "finish_reason"));
  }
  setStop(call, get(response, "completionReason"));
  setStop(call, get(response, "stop_reason"));
  setStop(call, get(response, "stopReason"));
  readGuardrail(call, response);
  readCounts(call, response);
  if (call.record.parser.empty()) call.record.parser = dialect;
}

}  // namespace retort::logs

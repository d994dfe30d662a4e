// Ollama's own chat API: JSON lines, durations in nanoseconds, the loading of the model inside the first token's time.
#include "providers/dialect.h"
#include "providers/json_peek.h"

namespace retort::providers {
namespace {

class OllamaDecoder : public Decoder {
 public:
  void event(std::string_view, const Json& data, const Emit& emit) override {
    if (!peek(data, "error").is_null()) return void(failure = data);
    if (answer.model.empty()) answer.model = peekText(data, "model");
    const Json& message = peek(data, "message");
    reasoning(peekText(message, "thinking"), emit);
    text(peekText(message, "content"), emit);
    if (const Json& calls = peek(message, "tool_calls"); calls.is_array())
      for (const auto& c : calls) {
        Json& made = call(answer.toolCalls.size());
        made["id"] = "call_" + std::to_string(answer.toolCalls.size());
        made["function"]["name"] = peekText(peek(c, "function"), "name");
        callArguments(answer.toolCalls.size() - 1, dumpJson(peek(c, "function", "arguments")), emit);
      }
    if (!peekFlag(data, "done")) return;
    answer.rawFinish = peekText(data, "done_reason");
    answer.finish = answer.rawFinish == "length" ? Finish::length : !answer.toolCalls.empty() ? Finish::tool : answer.rawFinish == "stop" || answer.rawFinish.empty() ? Finish::stop : Finish::unknown;
    answer.usage = {peekCount(data, "prompt_eval_count"), 0, 0, peekCount(data, "eval_count"), 0, true};
    loadMs = static_cast<double>(peekCount(data, "load_duration")) / 1e6;
    isTerminal = true;
  }
  void whole(const Json& body, const Emit& emit) override { event({}, body, emit); }
};

class Ollama : public Dialect {
 public:
  std::string_view name() const override { return "ollama-chat"; }
  Framing framing() const override { return Framing::lines; }

  WireRequest encode(const GenRequest& r, const DialectContext& c) const override {
    WireRequest out{"/api/chat", Json::object(), {}};
    Json& b = out.body;
    b["model"] = c.model;
    b["messages"] = messagesOf(r.messages);
    b["stream"] = r.stream && c.capabilities.stream;
    Json options = {{"num_predict", r.sampling.maxTokens}};
    if (r.sampling.temperature) options["temperature"] = *r.sampling.temperature;
    if (r.sampling.topP) options["top_p"] = *r.sampling.topP;
    if (r.sampling.seed) options["seed"] = *r.sampling.seed;
    if (!r.sampling.stop.empty()) options["stop"] = r.sampling.stop;
    if (c.contextTokens > 0) options["num_ctx"] = c.contextTokens;
    b["options"] = options;
    if (r.tools.is_array() && !r.tools.empty()) b["tools"] = r.tools;
    if (r.format.is_object()) b["format"] = peek(r.format, "json_schema", "schema").is_object() ? peek(r.format, "json_schema", "schema") : Json("json");
    if (!r.sampling.effort.empty()) b["think"] = true;
    if (r.topLogprobs >= 0) b["logprobs"] = true, b["top_logprobs"] = r.topLogprobs;
    for (const auto& [key, value] : c.extra.items()) b[key] = value;
    return out;
  }

  std::unique_ptr<Decoder> decoder() const override { return std::make_unique<OllamaDecoder>(); }

 private:
  static Json messagesOf(const Json& messages) {
    Json out = Json::array();
    for (const auto& m : messages) {
      Json next = {{"role", peekText(m, "role")}, {"content", messageText(m)}};
      if (const Json& calls = peek(m, "tool_calls"); calls.is_array()) {
        next["tool_calls"] = Json::array();
        for (const auto& call : calls) next["tool_calls"].push_back({{"function", {{"name", peekText(peek(call, "function"), "name")}, {"arguments", argumentsObject(call)}}}});
      }
      out.push_back(std::move(next));
    }
    return out;
  }
};

}  // namespace

const Dialect& ollamaDialect() {
  static const Ollama dialect;
  return dialect;
}

}  // namespace retort::providers

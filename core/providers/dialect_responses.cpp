// OpenAI Responses: items in, items out, events with names of their own; terminal is completed, incomplete or failed.
#include "providers/dialect.h"
#include "providers/json_peek.h"

namespace retort::providers {
namespace {

class ResponsesDecoder : public Decoder {
 public:
  void event(std::string_view type, const Json& data, const Emit& emit) override {
    std::string kind = peekText(data, "type");
    if (kind.empty()) kind = type;
    if (kind == "error") return void(failure = data);
    if (kind == "response.output_text.delta") text(peekText(data, "delta"), emit), takeLogprobs(peek(data, "logprobs"));
    else if (kind == "response.refusal.delta") refusal(peekText(data, "delta"), emit);
    else if (kind == "response.reasoning_text.delta" || kind == "response.reasoning_summary_text.delta") reasoning(peekText(data, "delta"), emit);
    else if (kind == "response.function_call_arguments.delta" && emit) emit({Delta::Kind::toolArgs, peekText(data, "delta")});
    else if (kind == "response.completed" || kind == "response.incomplete" || kind == "response.failed") finish(peek(data, "response"), {});
  }

  void whole(const Json& body, const Emit& emit) override {
    if (!peek(body, "error").is_null() && !body.contains("output")) return void(failure = body);
    finish(body, emit);
  }

 private:
  /// The whole response: what was streamed is replaced by its final form.
  void finish(const Json& response, const Emit& emit) {
    const auto status = peekText(response, "status");
    if (status == "failed") return void(failure = response);
    const bool wasStreamed = !answer.text.empty() || !answer.refusal.empty();
    answer.model = peekText(response, "model");
    answer.remoteId = peekText(response, "id");
    if (const Json& output = peek(response, "output"); output.is_array())
      for (const auto& item : output) takeItem(item, wasStreamed, emit);
    const Json& u = peek(response, "usage");
    if (u.is_object()) {
      answer.usage.cacheRead = peekCount(peek(u, "input_tokens_details"), "cached_tokens");
      answer.usage.input = std::max<std::int64_t>(0, peekCount(u, "input_tokens") - answer.usage.cacheRead);
      answer.usage.output = peekCount(u, "output_tokens");
      answer.usage.reasoning = peekCount(peek(u, "output_tokens_details"), "reasoning_tokens");
      answer.usage.isKnown = true;
    }
    answer.rawFinish = status;
    if (status == "completed") answer.finish = answer.toolCalls.empty() ? Finish::stop : Finish::tool;
    if (status == "incomplete") {
      answer.rawFinish = peekText(peek(response, "incomplete_details"), "reason");
      answer.finish = answer.rawFinish == "max_output_tokens" ? Finish::length : answer.rawFinish == "content_filter" ? Finish::filtered : Finish::unknown;
    }
    isTerminal = status == "completed" || status == "incomplete";
  }

  void takeItem(const Json& item, bool wasStreamed, const Emit& emit) {
    const auto type = peekText(item, "type");
    if (type == "message" && !wasStreamed) {
      if (const Json& content = peek(item, "content"); content.is_array())
        for (const auto& part : content) {
          text(peekText(part, "type") == "output_text" ? peekText(part, "text") : "", emit);
          refusal(peekText(part, "refusal"), emit);
          takeLogprobs(peek(part, "logprobs"));
        }
    } else if (type == "function_call") {
      answer.toolCalls.push_back({{"id", peekText(item, "call_id")}, {"type", "function"}, {"function", {{"name", peekText(item, "name")}, {"arguments", peekText(item, "arguments")}}}});
    } else if (type == "reasoning" && answer.reasoning.empty()) {
      for (const char* key : {"content", "summary"})
        if (const Json& parts = peek(item, key); parts.is_array())
          for (const auto& part : parts) reasoning(peekText(part, "text"), emit);
    }
  }

  void takeLogprobs(const Json& list) {
    if (!list.is_array() || list.empty()) return;
    if (!answer.logprobs.is_array()) answer.logprobs = Json::array();
    for (const auto& entry : list)
      answer.logprobs.push_back({{"token", peekText(entry, "token")}, {"bytes", peek(entry, "bytes")}, {"logprob", peek(entry, "logprob")}, {"top", peek(entry, "top_logprobs")}});
  }
};

class Responses : public Dialect {
 public:
  std::string_view name() const override { return "openai-responses"; }
  Framing framing() const override { return Framing::sse; }

  WireRequest encode(const GenRequest& r, const DialectContext& c) const override {
    WireRequest out{"/responses", Json::object(), {}};
    Json& b = out.body;
    b["model"] = c.model;
    if (const auto system = systemText(r.messages); !system.empty()) b["instructions"] = system;
    b["input"] = inputOf(r.messages);
    b["max_output_tokens"] = r.sampling.maxTokens;
    b["store"] = false;
    if (r.sampling.temperature && !isRejected(c, "temperature")) b["temperature"] = *r.sampling.temperature;
    if (r.sampling.topP && !isRejected(c, "top_p")) b["top_p"] = *r.sampling.topP;
    if (r.sampling.seed) out.notices.emplace_back("this API takes no seed");
    if (!r.sampling.stop.empty()) out.notices.emplace_back("this API takes no stop texts");
    if (!r.sampling.effort.empty() && !isRejected(c, "reasoning")) b["reasoning"] = {{"effort", r.sampling.effort}};
    if (r.tools.is_array() && !r.tools.empty()) {
      Json tools = Json::array();
      for (const auto& t : r.tools) {
        Json flat = {{"type", "function"}};
        for (const auto& [key, value] : peek(t, "function").items()) flat[key] = value;
        tools.push_back(flat);
      }
      b["tools"] = tools;
    }
    if (r.format.is_object()) {
      Json format = {{"type", peekText(r.format, "type")}};
      if (const Json& schema = peek(r.format, "json_schema"); schema.is_object())
        for (const auto& [key, value] : schema.items()) format[key] = value;
      b["text"] = {{"format", format}};
    }
    if (r.topLogprobs >= 0 && !isRejected(c, "top_logprobs")) {
      if (r.topLogprobs > 20) out.notices.push_back("top_logprobs was lowered from " + std::to_string(r.topLogprobs) + " to 20");
      b["top_logprobs"] = std::min(r.topLogprobs, 20);
      b["include"] = Json::array({"message.output_text.logprobs"});
    }
    if (r.stream && c.capabilities.stream) b["stream"] = true;
    for (const auto& [key, value] : c.extra.items()) b[key] = value;
    return out;
  }

  std::unique_ptr<Decoder> decoder() const override { return std::make_unique<ResponsesDecoder>(); }

 private:
  static Json inputOf(const Json& messages) {
    Json input = Json::array();
    for (const auto& m : messages) {
      const auto role = peekText(m, "role");
      if (role == "system" || role == "developer") continue;
      if (role == "tool") {
        input.push_back({{"type", "function_call_output"}, {"call_id", peekText(m, "tool_call_id")}, {"output", messageText(m)}});
        continue;
      }
      if (const auto text = messageText(m); !text.empty() || role == "user") input.push_back({{"role", role}, {"content", text}});
      if (const Json& calls = peek(m, "tool_calls"); calls.is_array())
        for (const auto& call : calls) {
          const Json& arguments = peek(call, "function", "arguments");
          input.push_back({{"type", "function_call"}, {"call_id", peekText(call, "id")}, {"name", peekText(peek(call, "function"), "name")},
                           {"arguments", arguments.is_string() ? arguments.get<std::string>() : dumpJson(arguments)}});
        }
    }
    return input;
  }
};

}  // namespace

const Dialect& responsesDialect() {
  static const Responses dialect;
  return dialect;
}

}  // namespace retort::providers

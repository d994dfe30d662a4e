// Bedrock Converse and ConverseStream.
#include "providers/dialect.h"
#include "providers/json_peek.h"
#include "providers/sigv4.h"

namespace retort::providers {
namespace {

Finish finishOf(const std::string& word) {
  if (word == "end_turn" || word == "stop_sequence") return Finish::stop;
  if (word == "max_tokens" || word == "model_context_window_exceeded") return Finish::length;
  if (word == "tool_use") return Finish::tool;
  if (word == "guardrail_intervened" || word == "content_filtered") return Finish::filtered;
  return word == "malformed_model_output" || word == "malformed_tool_use" ? Finish::error : Finish::unknown;
}

class ConverseDecoder : public Decoder {
 public:
  void event(std::string_view type, const Json& data, const Emit& emit) override {
    if (type == "contentBlockStart") {
      startCall(peek(data, "start", "toolUse"));
    } else if (type == "contentBlockDelta") {
      const Json& delta = peek(data, "delta");
      text(peekText(delta, "text"), emit);
      reasoning(peekText(peek(delta, "reasoningContent"), "text"), emit);
      if (const auto piece = peekText(peek(delta, "toolUse"), "input"); !answer.toolCalls.empty()) callArguments(answer.toolCalls.size() - 1, piece, emit);
    } else if (type == "messageStop") {
      takeFinish(data);
      isTerminal = true;
    } else if (type == "metadata") {
      takeUsage(peek(data, "usage"));
    } else if (type.ends_with("Exception") || type == "error") {
      failure = Json{{"error", {{"type", type}, {"message", peekText(data, "message")}}}};
    }
  }

  void whole(const Json& body, const Emit& emit) override {
    if (const Json& content = peek(body, "output", "message", "content"); content.is_array())
      for (const auto& block : content) {
        text(peekText(block, "text"), emit);
        reasoning(peekText(peek(block, "reasoningContent", "reasoningText"), "text"), emit);
        if (const Json& use = peek(block, "toolUse"); use.is_object()) {
          startCall(use);
          callArguments(answer.toolCalls.size() - 1, dumpJson(peek(use, "input")), emit);
        }
      }
    takeFinish(body);
    takeUsage(peek(body, "usage"));
    isTerminal = !answer.rawFinish.empty();
  }

 private:
  void startCall(const Json& use) {
    if (!use.is_object()) return;
    Json& made = call(answer.toolCalls.size());
    made["id"] = peekText(use, "toolUseId");
    made["function"]["name"] = peekText(use, "name");
  }
  void takeFinish(const Json& json) {
    if (const auto word = peekText(json, "stopReason"); !word.empty()) answer.rawFinish = word, answer.finish = finishOf(word);
  }
  void takeUsage(const Json& u) {
    if (!u.is_object()) return;
    answer.usage = {peekCount(u, "inputTokens"), peekCount(u, "cacheReadInputTokens"), peekCount(u, "cacheWriteInputTokens"), peekCount(u, "outputTokens"), 0, true};
  }
};

constexpr BlockWriter kBlocks = {
    [](const std::string& text) { return Json{{"text", text}}; },
    [](const std::string& id, const std::string& name, Json input) { return Json{{"toolUse", {{"toolUseId", id}, {"name", name}, {"input", std::move(input)}}}}; },
    [](const std::string& id, const std::string& text) { return Json{{"toolResult", {{"toolUseId", id}, {"content", Json::array({{{"text", text}}})}}}}; },
};

class Converse : public Dialect {
 public:
  std::string_view name() const override { return "bedrock-converse"; }
  Framing framing() const override { return Framing::eventStream; }

  WireRequest encode(const GenRequest& r, const DialectContext& c) const override {
    WireRequest out;
    const bool isStream = r.stream && c.capabilities.stream;
    out.path = "/model/" + encodeSegment(c.model) + (isStream ? "/converse-stream" : "/converse");
    Json& b = out.body = Json::object();
    b["messages"] = blockMessages(r.messages, kBlocks);
    if (const auto system = systemText(r.messages); !system.empty()) b["system"] = Json::array({{{"text", system}}});
    Json inference = {{"maxTokens", r.sampling.maxTokens}};
    if (r.sampling.temperature && !isRejected(c, "temperature")) inference["temperature"] = *r.sampling.temperature;
    if (r.sampling.topP && !isRejected(c, "top_p")) inference["topP"] = *r.sampling.topP;
    if (!r.sampling.stop.empty()) inference["stopSequences"] = r.sampling.stop;
    b["inferenceConfig"] = inference;
    noteUnsaid(r, out);
    if (const Json specs = toolsOf(r, "inputSchema", [](Json schema) { return Json{{"json", std::move(schema)}}; }); !specs.empty()) {
      Json tools = Json::array();
      for (const Json& spec : specs) tools.push_back({{"toolSpec", spec}});
      b["toolConfig"] = {{"tools", tools}};
    }
    Json metadata = Json::object();
    for (const auto& [key, value] : r.metadata)
      if (metadata.size() < 16 && !key.empty() && isAllowed(key) && isAllowed(value)) metadata[key.substr(0, 256)] = value.substr(0, 256);
    if (!metadata.empty()) b["requestMetadata"] = metadata;
    for (const auto& [key, value] : c.extra.items()) b[key] = value;
    return out;
  }

  std::unique_ptr<Decoder> decoder() const override { return std::make_unique<ConverseDecoder>(); }

 private:
  static bool isAllowed(std::string_view text) {
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t:_@$#=/+,-.") == std::string_view::npos;
  }
};

}  // namespace

const Dialect& converseDialect() {
  static const Converse dialect;
  return dialect;
}

}  // namespace retort::providers

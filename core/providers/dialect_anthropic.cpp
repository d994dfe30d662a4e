// Anthropic Messages: system apart, typed content blocks, cumulative usage, errors and pings at any time.
#include "providers/dialect.h"
#include "providers/json_peek.h"

namespace retort::providers {
namespace {

Finish finishOf(const std::string& word) {
  if (word == "end_turn" || word == "stop_sequence") return Finish::stop;
  if (word == "max_tokens" || word == "model_context_window_exceeded") return Finish::length;
  if (word == "tool_use") return Finish::tool;
  return word == "refusal" ? Finish::refusal : Finish::unknown;
}

class AnthropicDecoder : public Decoder {
 public:
  void event(std::string_view type, const Json& data, const Emit& emit) override {
    std::string kind = peekText(data, "type");
    if (kind.empty()) kind = type;
    if (kind == "error") return void(failure = data);
    if (kind == "message_start") {
      head(peek(data, "message"));
      takeUsage(peek(data, "message", "usage"));
    } else if (kind == "content_block_start") {
      startBlock(peek(data, "content_block"), emit);
    } else if (kind == "content_block_delta") {
      const Json& delta = peek(data, "delta");
      const auto what = peekText(delta, "type");
      if (what == "text_delta") text(peekText(delta, "text"), emit);
      else if (what == "thinking_delta") reasoning(peekText(delta, "thinking"), emit);
      else if (what == "input_json_delta" && !answer.toolCalls.empty()) callArguments(answer.toolCalls.size() - 1, peekText(delta, "partial_json"), emit);
    } else if (kind == "message_delta") {
      takeFinish(peek(data, "delta"));
      takeUsage(peek(data, "usage"));
    } else if (kind == "message_stop") {
      isTerminal = true;
    }
  }

  void whole(const Json& body, const Emit& emit) override {
    if (peekText(body, "type") == "error") return void(failure = body);
    head(body);
    if (const Json& content = peek(body, "content"); content.is_array())
      for (const auto& block : content) startBlock(block, emit);
    takeFinish(body);
    takeUsage(peek(body, "usage"));
    isTerminal = !answer.rawFinish.empty();
  }

 private:
  void head(const Json& message) {
    answer.model = peekText(message, "model");
    answer.remoteId = peekText(message, "id");
  }

  void startBlock(const Json& block, const Emit& emit) {
    const auto type = peekText(block, "type");
    if (type == "text") text(peekText(block, "text"), emit);
    if (type == "thinking") reasoning(peekText(block, "thinking"), emit);
    if (type != "tool_use") return;
    Json& made = call(answer.toolCalls.size());
    made["id"] = peekText(block, "id");
    made["function"]["name"] = peekText(block, "name");
    // In a stream the input begins as {} and comes in pieces.
    if (const Json& input = peek(block, "input"); input.is_object() && !input.empty()) callArguments(answer.toolCalls.size() - 1, dumpJson(input), emit);
  }

  void takeFinish(const Json& json) {
    if (const auto word = peekText(json, "stop_reason"); !word.empty()) answer.rawFinish = word, answer.finish = finishOf(word);
  }

  /// Each report replaces the one before: counts are cumulative. Input does not include cached tokens.
  void takeUsage(const Json& u) {
    if (!u.is_object()) return;
    const auto take = [&](const char* key, std::int64_t& to) {
      if (peek(u, key).is_number()) to = peekCount(u, key);
    };
    take("input_tokens", answer.usage.input);
    take("cache_read_input_tokens", answer.usage.cacheRead);
    take("cache_creation_input_tokens", answer.usage.cacheWrite);
    take("output_tokens", answer.usage.output);
    answer.usage.isKnown = true;
  }
};

constexpr BlockWriter kBlocks = {
    [](const std::string& text) { return Json{{"type", "text"}, {"text", text}}; },
    [](const std::string& id, const std::string& name, Json input) { return Json{{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}}; },
    [](const std::string& id, const std::string& text) { return Json{{"type", "tool_result"}, {"tool_use_id", id}, {"content", text}}; },
};

class Anthropic : public Dialect {
 public:
  std::string_view name() const override { return "anthropic-messages"; }
  Framing framing() const override { return Framing::sse; }

  WireRequest encode(const GenRequest& r, const DialectContext& c) const override {
    WireRequest out{"/messages", Json::object(), {}};
    Json& b = out.body;
    b["model"] = c.model;
    b["max_tokens"] = r.sampling.maxTokens;
    if (const auto system = systemText(r.messages); !system.empty()) b["system"] = system;
    b["messages"] = blockMessages(r.messages, kBlocks);
    if (r.sampling.temperature && !isRejected(c, "temperature")) b["temperature"] = std::min(1.0, *r.sampling.temperature);
    if (r.sampling.topP && !isRejected(c, "top_p")) b["top_p"] = *r.sampling.topP;
    if (!r.sampling.stop.empty()) b["stop_sequences"] = r.sampling.stop;
    noteUnsaid(r, out);
    if (Json tools = toolsOf(r, "input_schema", [](Json schema) { return schema; }); !tools.empty()) b["tools"] = std::move(tools);
    if (!r.sampling.effort.empty()) {
      // The budget counts against max_tokens, so that grows by it.
      const int budget = r.sampling.effort == "low" ? 1024 : r.sampling.effort == "high" ? 16384 : 4096;
      b["thinking"] = {{"type", "enabled"}, {"budget_tokens", budget}};
      b["max_tokens"] = r.sampling.maxTokens + budget;
      b.erase("temperature");
    }
    // Above this length the service refuses an answer in one piece.
    if ((r.stream && c.capabilities.stream) || r.sampling.maxTokens > 21'333) b["stream"] = true;
    for (const auto& [key, value] : c.extra.items()) b[key] = value;
    return out;
  }

  std::unique_ptr<Decoder> decoder() const override { return std::make_unique<AnthropicDecoder>(); }
};

}  // namespace

const Dialect& anthropicDialect() {
  static const Anthropic dialect;
  return dialect;
}

}  // namespace retort::providers

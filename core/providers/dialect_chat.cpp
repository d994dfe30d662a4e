// OpenAI chat completions, as OpenAI, vLLM, llama.cpp, OpenRouter and many others speak it.
#include "providers/dialect.h"
#include "providers/json_peek.h"

namespace retort::providers {
namespace {

Finish finishOf(const std::string& word) {
  if (word == "stop" || word == "eos") return Finish::stop;
  if (word == "length") return Finish::length;
  if (word == "tool_calls" || word == "function_call") return Finish::tool;
  if (word == "content_filter") return Finish::filtered;
  return word == "error" ? Finish::error : Finish::unknown;
}

/// OpenAI counts cached tokens inside the prompt; we keep them apart.
Usage usageOf(const Json& u) {
  Usage out;
  if (!u.is_object()) return out;
  out.cacheRead = peekCount(peek(u, "prompt_tokens_details"), "cached_tokens");
  out.cacheWrite = peekCount(peek(u, "prompt_tokens_details"), "cache_write_tokens");
  out.input = std::max<std::int64_t>(0, peekCount(u, "prompt_tokens") - out.cacheRead - out.cacheWrite);
  out.output = peekCount(u, "completion_tokens");
  out.reasoning = peekCount(peek(u, "completion_tokens_details"), "reasoning_tokens");
  out.isKnown = u.contains("prompt_tokens") || u.contains("completion_tokens");
  return out;
}

class ChatDecoder : public Decoder {
 public:
  void event(std::string_view, const Json& data, const Emit& emit) override {
    if (!peek(data, "error").is_null()) return void(failure = data);
    common(data);
    const Json& choices = peek(data, "choices");
    if (!choices.is_array() || choices.empty()) return;
    take(peek(choices[0], "delta"), choices[0], emit);
  }

  void whole(const Json& body, const Emit& emit) override {
    if (!peek(body, "error").is_null()) return void(failure = body);
    common(body);
    const Json& choices = peek(body, "choices");
    if (!choices.is_array() || choices.empty()) return;
    take(peek(choices[0], "message"), choices[0], emit);
    if (!answer.rawFinish.empty()) isTerminal = true;
  }

 private:
  void common(const Json& data) {
    if (answer.model.empty()) answer.model = peekText(data, "model");
    if (answer.remoteId.empty()) answer.remoteId = peekText(data, "id");
    if (answer.fingerprint.empty()) answer.fingerprint = peekText(data, "system_fingerprint");
    if (const auto usage = usageOf(peek(data, "usage")); usage.isKnown) answer.usage = usage;
  }

  void take(const Json& piece, const Json& choice, const Emit& emit) {
    reasoning(peekText(piece, "reasoning_content").empty() ? peekText(piece, "reasoning") : peekText(piece, "reasoning_content"), emit);
    text(messageText(piece), emit);
    refusal(peekText(piece, "refusal"), emit);
    if (const Json& calls = peek(piece, "tool_calls"); calls.is_array())
      for (std::size_t i = 0; i < calls.size(); ++i) {
        const std::size_t index = peek(calls[i], "index").is_number() ? static_cast<std::size_t>(peekCount(calls[i], "index")) : i;
        Json& made = call(index);
        if (const auto id = peekText(calls[i], "id"); !id.empty()) made["id"] = id;
        if (const auto name = peekText(peek(calls[i], "function"), "name"); !name.empty()) made["function"]["name"] = name;
        const Json& arguments = peek(calls[i], "function", "arguments");
        callArguments(index, arguments.is_string() ? arguments.get<std::string>() : arguments.is_object() ? dumpJson(arguments) : std::string(), emit);
      }
    takeLogprobs(peek(choice, "logprobs", "content"));
    if (const auto word = peekText(choice, "finish_reason"); !word.empty()) answer.rawFinish = word, answer.finish = finishOf(word);
  }

  void takeLogprobs(const Json& list) {
    if (!list.is_array()) return;
    if (!answer.logprobs.is_array()) answer.logprobs = Json::array();
    for (const auto& entry : list) {
      Json top = Json::array();
      if (const Json& alternatives = peek(entry, "top_logprobs"); alternatives.is_array())
        for (const auto& a : alternatives)
          // -9999 stands for "outside the twenty best": no probability at all.
          if (numberOf(peek(a, "logprob"), -9999) > -9998) top.push_back({{"token", peekText(a, "token")}, {"bytes", peek(a, "bytes")}, {"logprob", peek(a, "logprob")}});
      answer.logprobs.push_back({{"token", peekText(entry, "token")}, {"bytes", peek(entry, "bytes")}, {"logprob", peek(entry, "logprob")}, {"top", top}});
    }
  }
};

class Chat : public Dialect {
 public:
  std::string_view name() const override { return "openai-chat"; }
  Framing framing() const override { return Framing::sse; }

  WireRequest encode(const GenRequest& r, const DialectContext& c) const override {
    WireRequest out{"/chat/completions", Json::object(), {}};
    Json& b = out.body;
    b["model"] = c.model;
    b["messages"] = messagesOf(r.messages);
    const bool useNewName = (c.isPlainOpenAi || isRejected(c, "max_tokens")) && !isRejected(c, "max_completion_tokens");
    b[useNewName ? "max_completion_tokens" : "max_tokens"] = r.sampling.maxTokens;
    const auto put = [&](const char* key, const Json& value) {
      if (isRejected(c, key)) out.notices.push_back(std::string(key) + " is not taken by this server and was left out");
      else b[key] = value;
    };
    if (r.sampling.temperature) put("temperature", *r.sampling.temperature);
    if (r.sampling.topP) put("top_p", *r.sampling.topP);
    if (r.sampling.seed) put("seed", *r.sampling.seed);
    if (!r.sampling.stop.empty()) put("stop", stopList(r, out));
    if (!r.sampling.effort.empty()) put("reasoning_effort", r.sampling.effort);
    if (r.tools.is_array() && !r.tools.empty()) b["tools"] = r.tools;
    if (r.format.is_object()) put("response_format", r.format);
    if (r.topLogprobs >= 0 && !isRejected(c, "logprobs")) {
      int k = r.topLogprobs;
      const int cap = c.capabilities.maxTopLogprobs > 0 ? c.capabilities.maxTopLogprobs : 20;
      if (k > cap) out.notices.push_back("top_logprobs was lowered from " + std::to_string(k) + " to " + std::to_string(cap)), k = cap;
      b["logprobs"] = true;
      b["top_logprobs"] = k;
    }
    if (!r.metadata.empty() && c.isPlainOpenAi && !isRejected(c, "metadata")) {
      Json m = Json::object();
      for (const auto& [key, value] : r.metadata)
        if (m.size() < 16) m[key.substr(0, 64)] = value.substr(0, 512);
      b["metadata"] = m;
    }
    if (r.stream && c.capabilities.stream) {
      b["stream"] = true;
      if (c.capabilities.usageInStream && !isRejected(c, "stream_options")) b["stream_options"] = {{"include_usage", true}};
    }
    for (const auto& [key, value] : c.extra.items()) b[key] = value;
    return out;
  }

  std::unique_ptr<Decoder> decoder() const override { return std::make_unique<ChatDecoder>(); }

 private:
  static Json stopList(const GenRequest& r, WireRequest& out) {
    Json list = Json::array();
    for (const auto& s : r.sampling.stop)
      if (list.size() < 4) list.push_back(s);
    if (r.sampling.stop.size() > 4) out.notices.emplace_back("only the first 4 stop texts are taken");
    return list;
  }

  /// As they are, but reasoning of earlier turns stays here: no server wants it back.
  static Json messagesOf(const Json& messages) {
    Json out = Json::array();
    for (const auto& m : messages) {
      Json next = m;
      if (next.is_object()) next.erase("reasoning_content");
      out.push_back(std::move(next));
    }
    return out;
  }
};

}  // namespace

const Dialect& chatDialect() {
  static const Chat dialect;
  return dialect;
}

}  // namespace retort::providers

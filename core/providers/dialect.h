// A dialect turns a request into a body and an answer's events into text: pure, no network, tested on bytes alone.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "providers/generation.h"

namespace retort::providers {

enum class Framing { sse, lines, eventStream };

struct WireRequest {
  std::string path;                    ///< behind the teacher's base address
  Json body;
  std::vector<std::string> notices;    ///< what the dialect cannot say and left out
};

/// Gathers one answer. Events and whole bodies are foreign: any JSON is survived.
class Decoder {
 public:
  using Emit = std::function<void(Delta&&)>;
  virtual ~Decoder() = default;
  /// One event of a stream; `type` is its name where the framing has one.
  virtual void event(std::string_view type, const Json& data, const Emit& emit) = 0;
  /// The body of an answer that is not streamed.
  virtual void whole(const Json& body, const Emit& emit) = 0;
  /// The end marker of streams that have one in words ("[DONE]").
  void markEnd() { isTerminal = true; }

  Answer answer;
  bool isTerminal = false;             ///< the answer is complete
  std::optional<Json> failure;         ///< an error object that came inside the answer
  double loadMs = 0;

 protected:
  void text(const std::string& piece, const Emit& emit) { add(answer.text, piece, Delta::Kind::text, emit); }
  void reasoning(const std::string& piece, const Emit& emit) { add(answer.reasoning, piece, Delta::Kind::reasoning, emit); }
  void refusal(const std::string& piece, const Emit& emit) { add(answer.refusal, piece, Delta::Kind::refusal, emit); }
  /// The call at `index` of the answer, made when new.
  Json& call(std::size_t index);
  void callArguments(std::size_t index, const std::string& piece, const Emit& emit);

 private:
  static void add(std::string& to, const std::string& piece, Delta::Kind kind, const Emit& emit) {
    if (piece.empty()) return;
    to += piece;
    if (emit) emit({kind, piece});
  }
};

/// What a dialect must know beside the request.
struct DialectContext {
  std::string model;
  Capabilities capabilities;
  Json extra = Json::object();         ///< members laid over the body, by the user's wish
  bool isPlainOpenAi = false;          ///< api.openai.com itself: newer names of parameters
  int contextTokens = 0;               ///< Ollama's num_ctx
};

struct Dialect {
  virtual ~Dialect() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Framing framing() const = 0;
  [[nodiscard]] virtual WireRequest encode(const GenRequest& request, const DialectContext& context) const = 0;
  [[nodiscard]] virtual std::unique_ptr<Decoder> decoder() const = 0;
};

[[nodiscard]] const Dialect& chatDialect();
[[nodiscard]] const Dialect& responsesDialect();
[[nodiscard]] const Dialect& anthropicDialect();
[[nodiscard]] const Dialect& converseDialect();
[[nodiscard]] const Dialect& ollamaDialect();

/// Parts of messages that several dialects need.
[[nodiscard]] std::string systemText(const Json& messages);
/// The text of a message's content: a string, or the joined texts of its parts.
[[nodiscard]] std::string messageText(const Json& message);
/// Arguments of a call as an object; what is no JSON object becomes {}.
[[nodiscard]] Json argumentsObject(const Json& call);
[[nodiscard]] bool isRejected(const DialectContext& context, std::string_view parameter);

/// How an API that keeps turns as blocks writes each kind of block.
struct BlockWriter {
  Json (*text)(const std::string& text);
  Json (*toolUse)(const std::string& id, const std::string& name, Json input);
  Json (*toolResult)(const std::string& id, const std::string& text);
};
/// {"role","content":[blocks]}: system turns are left out, tool results are the user's, turns of one role become one message.
[[nodiscard]] Json blockMessages(const Json& messages, const BlockWriter& writer);
/// The request's tools as {"name"[,"description"], SCHEMA-KEY: schema}; empty when there are none. `wrap` puts the schema as the API wants it.
[[nodiscard]] Json toolsOf(const GenRequest& request, const char* schemaKey, Json (*wrap)(Json schema));
/// Notices for an API without seeds, log-probabilities and response formats.
void noteUnsaid(const GenRequest& request, WireRequest& out);

}  // namespace retort::providers

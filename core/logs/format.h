// What a log format is: how it is recognised by its keys, and how one document of it becomes a call.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "logs/call.h"
#include "logs/json_dom.h"

namespace retort::logs {

/// One document on its way to a call.
struct Reading {
  dom::Maybe root;
  const SpillLoader& spills;
  dom::ParserPool& pool;
  Call& call;
  ParseReject& reject;
  PairIndex* pairs = nullptr;
  std::string_view folder{};           ///< of its file

  [[nodiscard]] Record& record() const { return call.record; }
  bool fail(RejectReason reason, std::string detail) const {
    reject = {reason, std::move(detail)};
    return false;
  }
  /// A document of the format that is no model call.
  bool noCall() const { return call.isNoCall = true; }
};

struct LogFormat {
  std::string_view name;               ///< `@source`, and the argument of --format
  std::string_view words;              ///< "LiteLLM logs"
  bool isGuess;                        ///< its keys are found in other formats too
  bool (*fits)(const dom::Maybe& root);
  bool (*read)(const Reading& reading);
};

/// All formats, the surer ones first: the first that fits reads a document.
[[nodiscard]] std::span<const LogFormat> logFormats();
[[nodiscard]] const LogFormat* findFormat(std::string_view name);
/// Error "logs.format.unknown", naming the nearest one.
Status checkFormat(std::string_view name);

// One file a family; see each for what it recognises.
[[nodiscard]] std::span<const LogFormat> bedrockFormats();
[[nodiscard]] std::span<const LogFormat> openaiFormats();
[[nodiscard]] std::span<const LogFormat> batchFormats();
[[nodiscard]] std::span<const LogFormat> gatewayFormats();
[[nodiscard]] std::span<const LogFormat> traceFormats();
[[nodiscard]] std::span<const LogFormat> datasetFormats();
[[nodiscard]] std::span<const LogFormat> recordFormats();

// ---- What formats share.

/// A time as ISO text, or as seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by size; also as digits in a text).
[[nodiscard]] std::optional<std::int64_t> timeOf(const dom::Maybe& time);
/// The first of several members that is there and not null.
[[nodiscard]] dom::Maybe anyOf(const dom::Maybe& object, std::initializer_list<std::string_view> names);
/// A non-negative integer, also as digits in a text, where `to` has none yet.
void setCount(std::optional<std::int64_t>& to, const dom::Maybe& from);
/// A finite number, also as text.
[[nodiscard]] std::optional<double> realOf(const dom::Maybe& from);
/// Latency and time to first token from points in time, in ms; nothing where they run backwards.
void setDurations(Record& record, std::optional<std::int64_t> startUs, std::optional<std::int64_t> firstUs, std::optional<std::int64_t> endUs);
/// Puts a value under a key; texts as they are, numbers and truth values as JSON text, objects as dotted keys (at most 4 deep), lists as JSON
/// text. The last of two equal keys counts; null is left out; at most 256 keys a record, 4 KiB a value (a longer one is left out).
void addMetadata(Call& call, std::string_view key, const dom::Maybe& value);
void addMetadata(Call& call, std::string_view key, std::string_view value);
/// Every member of an object, under its own name.
void addMembers(Call& call, const dom::Maybe& object);
/// A prompt of any shape: a list of messages (maybe in a list of one), an object that holds some, a text, or JSON text of these.
void readPromptOf(Call& call, const dom::Maybe& prompt, dom::ParserPool& pool);
/// An answer of any shape: a text, a message, a list whose last message it is, or a provider's response; or JSON text of these.
void readAnswerOf(Call& call, const dom::Maybe& answer, dom::ParserPool& pool);
/// A conversation whose last assistant message is its answer.
void takeAnswerFromMessages(Call& call);
/// Tools and sampling parameters of a request, whatever provider it is for.
void readToolsOf(Call& call, const dom::Maybe& body);
void readParametersOf(Call& call, const dom::Maybe& body);
/// True when a message, or the answer, holds anything.
[[nodiscard]] bool hasContent(const Call& call);

/// The record as JSON that reads back as the same record: {"schema":"retort.record/1", …}.
[[nodiscard]] std::string recordDocument(const Record& record);

}  // namespace retort::logs

// The formats of batches: what is sent, what comes back.
#include "providers/batch.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "providers/dialect_choice.h"
#include "providers/json_peek.h"
#include "providers/rules.h"

namespace retort::providers {
namespace {

struct BatchLimits {
  std::size_t requests, bytes;
};

bool isAnthropicOnBedrock(const Teacher& t) { return t.kind == Kind::bedrock && t.model.find("anthropic.") != std::string::npos; }

Error kindError(const Teacher& t, std::string why) {
  return Error{"providers.batch.kind", t.name + " takes no batches", {}, std::move(why), "Ask it row by row: teacher answer without --batch.", {}, {}};
}

/// The dialect in which bodies of a batch are written: on Bedrock each model's own.
Result<const Dialect*> bodyDialect(const Teacher& t) {
  if (t.kind == Kind::openai || t.kind == Kind::openaiResponses || t.kind == Kind::compatible || t.kind == Kind::vllm || t.kind == Kind::anthropic) return &dialectOf(t.kind);
  if (t.kind != Kind::bedrock) return kindError(t, "only OpenAI, Anthropic and Bedrock have them");
  if (isAnthropicOnBedrock(t)) return &anthropicDialect();
  if (t.model.find("amazon.nova") != std::string::npos) return &converseDialect();
  return kindError(t, "Bedrock's batches want each model's own form, and Retort writes those of Anthropic and Nova");
}

std::string lineOf(const Teacher& t, const Dialect& dialect, const DialectContext& context, const BatchItem& item) {
  GenRequest r = item.request;
  r.stream = false;
  WireRequest wire = dialect.encode(r, context);
  wire.body.erase("stream");
  if (t.kind == Kind::anthropic) return dumpJson({{"custom_id", item.hash}, {"params", wire.body}});
  if (t.kind == Kind::bedrock) {
    if (isAnthropicOnBedrock(t)) {
      wire.body.erase("model");
      wire.body["anthropic_version"] = "bedrock-2023-05-31";
    }
    return dumpJson({{"recordId", item.hash}, {"modelInput", wire.body}});
  }
  return dumpJson({{"custom_id", item.hash}, {"method", "POST"}, {"url", "/v1" + wire.path}, {"body", wire.body}});
}

/// A body that came back, as the outcome of an attempt.
Outcome outcomeOf(const Teacher& t, const Dialect& dialect, const Json& body) {
  Outcome o;
  const auto decoder = dialect.decoder();
  decoder->whole(body, {});
  o.answer = std::move(decoder->answer);
  o.http = 200;
  if (decoder->failure) {
    Failure f = classifyErrorObject(t.name, *decoder->failure);
    o.error = std::move(f.error);
    o.errorClass = f.errorClass;
  } else if (!decoder->isTerminal) {
    o.error = Error{"providers.answer.form", t.name + " sent what is no answer", {}, "the result has no end", {}, {}, {}};
    o.errorClass = ErrorClass::failItem;
  } else {
    o.end = o.answer.finish == Finish::length ? End::tooLong : o.answer.finish == Finish::filtered ? End::filtered : o.answer.finish == Finish::refusal ? End::refused : End::ok;
  }
  return o;
}

Outcome failedItem(const Teacher& t, const Json& error, const char* word) {
  Outcome o;
  Failure f = classifyErrorObject(t.name, error.is_null() ? Json{{"error", {{"message", word}}}} : error);
  o.error = std::move(f.error);
  o.errorClass = f.errorClass == ErrorClass::none ? ErrorClass::failItem : f.errorClass;
  return o;
}

BatchAnswer answerOfLine(const Teacher& t, const Dialect& dialect, const Json& line) {
  if (t.kind == Kind::bedrock) {
    const Json& output = peek(line, "modelOutput");
    return {peekText(line, "recordId"), output.is_object() ? outcomeOf(t, dialect, output) : failedItem(t, Json{{"error", {{"code", peekText(peek(line, "error"), "errorCode")}, {"message", peekText(peek(line, "error"), "errorMessage")}}}}, "no output")};
  }
  if (t.kind == Kind::anthropic) {
    const Json& result = peek(line, "result");
    const auto type = peekText(result, "type");
    return {peekText(line, "custom_id"), type == "succeeded" ? outcomeOf(t, dialect, peek(result, "message")) : failedItem(t, peek(result, "error"), type.c_str())};
  }
  const Json& response = peek(line, "response");
  const auto status = peekCount(response, "status_code");
  if (response.is_object() && status >= 200 && status < 300) return {peekText(line, "custom_id"), outcomeOf(t, dialect, peek(response, "body"))};
  if (response.is_object()) {
    Outcome o;
    Failure f = classifyHttp(t.name, static_cast<int>(status), dumpJson(peek(response, "body")), {}, utcMicros());
    o.http = static_cast<int>(status);
    o.error = std::move(f.error);
    o.errorClass = f.errorClass;
    return {peekText(line, "custom_id"), std::move(o)};
  }
  return {peekText(line, "custom_id"), failedItem(t, Json{{"error", peek(line, "error")}}, "no response")};
}

}  // namespace

Result<std::vector<std::string>> batchFiles(const Teacher& teacher, const std::vector<BatchItem>& items) {
  RETORT_TRY(const auto* dialect, bodyDialect(teacher));
  const DialectContext context = contextOf(teacher);
  const bool isDocument = teacher.kind == Kind::anthropic;
  const BatchLimits limits = isDocument ? BatchLimits{100'000, 250u << 20} : BatchLimits{50'000, 190u << 20};
  std::vector<std::string> files;
  std::size_t count = 0;
  for (const auto& item : items) {
    std::string line = lineOf(teacher, *dialect, context, item);
    if (files.empty() || count >= limits.requests || files.back().size() + line.size() > limits.bytes) {
      if (!files.empty() && isDocument) files.back() += "]}";
      files.emplace_back(isDocument ? "{\"requests\":[" : "");
      count = 0;
    }
    files.back() += isDocument ? (count > 0 ? "," : "") + line : line + "\n";
    ++count;
  }
  if (!files.empty() && isDocument) files.back() += "]}";
  return files;
}

Status readBatchResults(const Teacher& teacher, std::string_view text, const std::function<Status(BatchAnswer&&)>& each, std::int64_t* bad) {
  RETORT_TRY(const auto* dialect, bodyDialect(teacher));
  for (const auto line : splitView(text, '\n')) {
    if (trimmed(line).empty()) continue;
    const auto json = parseJson(line, "result");
    if (!json.ok() || !json->is_object()) {
      if (bad) ++*bad;
      continue;
    }
    RETORT_CHECK(each(answerOfLine(teacher, *dialect, *json)));
  }
  return {};
}

}  // namespace retort::providers

// Batch files of OpenAI, Azure, Anthropic and Bedrock: requests and answers joined by their id, wherever each half lies.
#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"
#include "logs/pair_index.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

/// The request of an answer, joined from its own line or from another file. False: there is none.
bool joinRequest(const Reading& reading, std::string_view id, std::string_view member) {
  Call& call = reading.call;
  if (!reading.pairs) return false;
  const auto found = reading.pairs->requests(PairKind::batch, id, reading.folder);
  if (found.size() != 1) return false;
  const auto root = reading.pool.parse(found[0]);
  const auto body = reading.pool.unwrapped(get(root, member));
  if (!dom::isObject(body)) return false;
  call.needsReading = true;
  readPromptOf(call, body, reading.pool);
  if (call.record.modelRaw.empty()) call.record.modelRaw = strOr(get(body, "model"));
  addMembers(call, get(body, "metadata"));
  return true;
}

bool unmatched(const Reading& reading, std::string_view id) {
  const auto n = reading.pairs ? reading.pairs->requests(PairKind::batch, id, reading.folder).size() : 0;
  return reading.fail(RejectReason::missingField, (n > 1 ? std::to_string(n) + " requests have the id " : "no request has the id ") + shown(id) +
                                                      (n > 1 ? "; import each batch from a folder of its own" : ": import the batch's input file too"));
}

/// The request half: nothing by itself; without its answer it is an error that is listed.
bool readRequestHalf(const Reading& reading, std::string_view id) {
  if (reading.pairs && reading.pairs->hasAnswer(PairKind::batch, id, reading.folder)) return reading.noCall();
  return reading.fail(RejectReason::missingField, "no answer has the id " + shown(id) + ": import the batch's output and error files too");
}

// ---- OpenAI and Azure: {custom_id, method, url, body} and {id, custom_id, response{status_code, request_id, body}, error}.

bool isOpenAiBatch(const Maybe& root) {
  return str(get(root, "custom_id")) && (dom::isObject(get(root, "body")) || get(root, "response")) && !get(root, "params") && !get(root, "result");
}

bool readOpenAiBatch(const Reading& reading) {
  Call& call = reading.call;
  Record& r = call.record;
  const auto id = strOr(get(reading.root, "custom_id"));
  if (!get(reading.root, "response") && !get(reading.root, "error")) return readRequestHalf(reading, id);
  const auto response = get(reading.root, "response");
  const auto body = reading.pool.unwrapped(get(response, "body"));
  r.requestId = strOr(get(reading.root, "id"), strOr(get(response, "request_id"), strOr(get(body, "id"))));
  r.operation = "batch";
  r.timeUs = timeOf(anyOf(body, {"created", "created_at"}));
  if (!joinRequest(reading, id, "body")) return unmatched(reading, id);
  if (const auto model = str(get(body, "model"))) r.modelRaw = *model;
  readAnswerOf(call, body, reading.pool);
  const auto status = dom::integer(get(response, "status_code"));
  const auto error = dom::isObject(get(reading.root, "error")) ? get(reading.root, "error") : get(body, "error");
  if (dom::isObject(error) || (status && *status >= 400)) {
    r.errorCode = strOr(anyOf(error, {"code", "type"}), status ? std::string_view() : "error");
    if (r.errorCode.empty()) r.errorCode = std::to_string(status.value_or(500));
    r.reason = strOr(get(error, "message"));
    call.answer.reset();
  }
  r.parser = "openai";
  addMetadata(call, "custom_id", id);
  return true;
}

// ---- Anthropic: {custom_id, params} and {custom_id, result{type, message | error}}.

bool isAnthropicBatch(const Maybe& root) { return str(get(root, "custom_id")) && (dom::isObject(get(root, "params")) || dom::isObject(get(root, "result"))); }

bool readAnthropicBatch(const Reading& reading) {
  Call& call = reading.call;
  Record& r = call.record;
  const auto id = strOr(get(reading.root, "custom_id"));
  const auto result = get(reading.root, "result");
  if (!result) return readRequestHalf(reading, id);
  const auto message = get(result, "message");
  r.requestId = strOr(get(message, "id"));
  r.operation = "batch";
  if (!joinRequest(reading, id, "params")) return unmatched(reading, id);
  if (const auto model = str(get(message, "model"))) r.modelRaw = *model;
  const auto type = strOr(get(result, "type"));
  if (type == "succeeded") {
    parseResponseBody(call, message, reading.pool);
  } else {
    const auto error = get(result, "error", "error") ? get(result, "error", "error") : get(result, "error");
    r.errorCode = strOr(get(error, "type"), type.empty() ? "error" : type);
    r.reason = strOr(get(error, "message"));
  }
  r.parser = "claude";
  addMetadata(call, "custom_id", id);
  return true;
}

// ---- Bedrock: {recordId, modelInput} in, {recordId, modelInput, modelOutput | error} out: whole lines.

bool isBedrockBatch(const Maybe& root) { return get(root, "recordId") && get(root, "modelInput"); }

bool readBedrockBatch(const Reading& reading) {
  Call& call = reading.call;
  Record& r = call.record;
  const auto id = strOr(get(reading.root, "recordId"));
  const auto output = get(reading.root, "modelOutput"), error = get(reading.root, "error");
  if (!output && !error) {
    // The input of a batch: a prompt whose answer lies in the output file, or is yet to come.
    if (reading.pairs && reading.pairs->hasAnswer(PairKind::batch, id, reading.folder)) return reading.noCall();
  }
  r.operation = "batch";
  r.modelRaw = strOr(anyOf(reading.root, {"modelId", "model"}));
  parseRequestBody(call, get(reading.root, "modelInput"), reading.pool);
  parseResponseBody(call, output, reading.pool);
  if (r.modelRaw.empty()) r.modelRaw = strOr(get(reading.pool.unwrapped(output), "model"));
  if (dom::isObject(error)) {
    const auto code = dom::integer(get(error, "errorCode"));
    r.errorCode = code ? std::to_string(*code) : std::string(strOr(get(error, "errorCode"), "error"));
    r.reason = strOr(get(error, "errorMessage"));
  }
  addMetadata(call, "record_id", id);
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "modelInput holds no message");
}

constexpr LogFormat kFormats[] = {
    {"bedrock-batch", "Bedrock batch files", false, isBedrockBatch, readBedrockBatch},
    {"anthropic-batch", "Anthropic batch files", false, isAnthropicBatch, readAnthropicBatch},
    {"openai-batch", "OpenAI and Azure batch files", false, isOpenAiBatch, readOpenAiBatch},
};

}  // namespace

std::span<const LogFormat> batchFormats() { return kFormats; }

PairHalf pairHalfOf(const Maybe& root) {
  if (const auto completion = storedMessageOf(root); !completion.empty()) return {PairKind::stored, std::string(completion), true};
  if (strOr(get(root, "object")) == "chat.completion") return {PairKind::stored, std::string(strOr(get(root, "id"))), false};
  if (const auto id = str(get(root, "custom_id"))) {
    if (get(root, "response") || get(root, "error") || get(root, "result")) return {PairKind::batch, std::string(*id), false};
    return {PairKind::batch, std::string(*id), true};
  }
  if (const auto id = str(get(root, "recordId")); id && get(root, "modelInput")) return {PairKind::batch, std::string(*id), !get(root, "modelOutput") && !get(root, "error")};
  return {};
}

std::string_view storedMessageOf(const Maybe& root) {
  const auto id = str(get(root, "id"));
  if (!id || !str(get(root, "role"))) return {};
  const auto dash = id->rfind('-');
  if (dash == std::string_view::npos || dash + 1 == id->size() || id->find_first_not_of("0123456789", dash + 1) != std::string_view::npos) return {};
  return id->substr(0, dash);
}

}  // namespace retort::logs

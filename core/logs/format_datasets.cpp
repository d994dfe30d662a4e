// Training data without a call around it: ShareGPT, Alpaca, and rows of question and answer.
#include <algorithm>

#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

// ---- ShareGPT: conversations[].from/value.

bool isShareGpt(const Maybe& root) {
  const auto turns = get(root, "conversations");
  return dom::isArray(turns) && dom::isObject(dom::first(turns));
}

bool readShareGpt(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  if (const auto system = str(get(root, "system")); system && !system->empty()) {
    Message message;
    message.role = "system";
    message.text = *system;
    call.messages.push_back(std::move(message));
  }
  dom::forEach(get(root, "conversations"), [&](const Maybe& turn) { appendMessage(call, turn); });
  readToolsOf(call, root);
  r.requestId = strOr(get(root, "id"));
  r.modelRaw = strOr(get(root, "model"));
  r.parser = r.source;
  // Odd order: two answers, or two questions, in a row, or an answer first. Nobody knows what answers what.
  std::string_view last = "assistant";
  for (const auto& message : call.messages) {
    if (message.role == "system") continue;
    if (message.role != "user" && message.role != "assistant" && message.role != "tool")
      return reading.fail(RejectReason::badType, "a turn from " + shown(message.role) + ", who is neither human, gpt, system nor tool");
    if (message.role == last && last != "tool") return reading.fail(RejectReason::badType, "turns out of order: two of " + std::string(last == "user" ? "the human" : "the model") + " in a row");
    if (message.role == "tool" && last == "user") return reading.fail(RejectReason::badType, "turns out of order: a tool answers the human");
    last = message.role;
  }
  takeAnswerFromMessages(call);
  if (call.answer) r.flags |= kGolden;
  return hasContent(call) || reading.fail(RejectReason::missingField, "conversations holds no text");
}

// ---- Alpaca.

bool isAlpaca(const Maybe& root) { return str(get(root, "instruction")) && (str(get(root, "output")) || str(get(root, "response"))); }

void addText(Call& call, std::string_view role, std::string text) {
  Message message;
  message.role = role;
  message.text = std::move(text);
  call.messages.push_back(std::move(message));
}

void setAnswer(Call& call, std::string_view text) {
  call.answer.emplace();
  call.answer->role = "assistant";
  call.answer->text = text;
  call.record.flags |= kGolden;
}

bool readAlpaca(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  if (const auto system = strOr(get(root, "system")); !system.empty()) addText(call, "system", std::string(system));
  dom::forEach(get(root, "history"), [&](const Maybe& pair) {   // LLaMA-Factory's lists of [question, answer]
    std::size_t i = 0;
    dom::forEach(pair, [&](const Maybe& text) { addText(call, i++ == 0 ? "user" : "assistant", std::string(strOr(text))); });
  });
  std::string user(strOr(get(root, "instruction")));
  if (const auto input = strOr(get(root, "input"), strOr(get(root, "context"))); !input.empty()) user += "\n\n" + std::string(input);
  addText(call, "user", std::move(user));
  setAnswer(call, strOr(get(root, "output"), strOr(get(root, "response"))));
  call.record.parser = call.format;
  addMetadata(call, "category", get(root, "category"));
  return hasContent(call) || reading.fail(RejectReason::missingField, "instruction is empty");
}

// ---- Rows of a table or of an unknown log: a column that asks and one that answers.

const std::initializer_list<std::string_view> kAsk = {"messages", "prompt", "question", "query", "input", "user", "instruction", "request", "text", "user_message"};
const std::initializer_list<std::string_view> kAnswer = {"completion", "response", "answer", "output", "assistant", "reply", "label", "target", "assistant_message"};

bool isPairRow(const Maybe& root) { return anyOf(root, kAsk) && (anyOf(root, kAnswer) || str(get(root, "messages"))); }

bool readPairRow(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  std::string_view used[2];
  const auto pick = [&](std::initializer_list<std::string_view> names, std::string_view& name) {
    for (const auto candidate : names)
      if (const auto value = get(root, candidate); value && !value->is_null()) return name = candidate, value;
    return Maybe();
  };
  if (const auto system = str(anyOf(root, {"system", "system_prompt"})); system && !system->empty()) addText(call, "system", std::string(*system));
  readPromptOf(call, pick(kAsk, used[0]), reading.pool);
  if (const auto answer = pick(kAnswer, used[1]); answer && strOr(answer, "x") != "") readAnswerOf(call, answer, reading.pool);
  if (!call.answer && used[1].empty()) takeAnswerFromMessages(call);
  r.requestId = strOr(anyOf(root, {"request_id", "id", "uuid"}));
  r.timeUs = timeOf(anyOf(root, {"timestamp", "time", "created_at", "created", "date"}));
  r.modelRaw = strOr(anyOf(root, {"model", "model_id", "model_name"}));
  setCount(r.inputTokens, anyOf(root, {"input_tokens", "prompt_tokens"}));
  setCount(r.outputTokens, anyOf(root, {"output_tokens", "completion_tokens"}));
  setCount(r.latencyMs, get(root, "latency_ms"));
  r.cost = realOf(anyOf(root, {"cost", "cost_usd"}));
  r.parser = call.format;
  static constexpr std::string_view kTaken[] = {"request_id", "id", "uuid", "timestamp", "time", "created_at", "created", "date", "model", "model_id", "model_name", "input_tokens", "prompt_tokens",
                                                "output_tokens", "completion_tokens", "latency_ms", "cost", "cost_usd", "system", "system_prompt", "metadata"};
  simdjson::dom::object members;
  if (!root->get_object().get(members))
    for (const auto& member : members) {
      if (member.key == used[0] || member.key == used[1] || std::find(std::begin(kTaken), std::end(kTaken), member.key) != std::end(kTaken)) continue;
      if (strOr(Maybe(member.value), "x").empty()) continue;   // an empty cell of a table
      addMetadata(call, member.key, Maybe(member.value));
    }
  addMembers(call, reading.pool.unwrapped(get(root, "metadata")));
  return hasContent(call) || reading.fail(RejectReason::missingField, "the prompt is empty");
}

constexpr LogFormat kFormats[] = {
    {"sharegpt", "ShareGPT conversations", true, isShareGpt, readShareGpt},
    {"alpaca", "Alpaca instructions", true, isAlpaca, readAlpaca},
    {"pairs", "rows of question and answer", true, isPairRow, readPairRow},
};

}  // namespace

std::span<const LogFormat> datasetFormats() { return kFormats; }

}  // namespace retort::logs

// Draws calls of the city desk: model, answer and its errors, metadata, and the bodies in each model's dialect.
#include "logs/generate_record.h"

#include <algorithm>
#include <array>

#include "base/clock.h"

namespace retort::logs {
namespace {

struct Model {
  std::string_view id;
  double right;                ///< share of right answers
  double chatter;              ///< share of answers with words around the label
  int baseLatency;             ///< ms
};
constexpr std::array<Model, 3> kModels = {{{"anthropic.claude-3-5-haiku-20241022-v1:0", 0.96, 0.01, 480},
                                           {"meta.llama3-1-8b-instruct-v1:0", 0.88, 0.05, 310},
                                           {"amazon.nova-lite-v1:0", 0.80, 0.06, 220}}};

constexpr double kFailedShare = 0.006, kNoMetadataShare = 0.05, kShadowShare = 0.05;

/// About four bytes a token, which is near enough for made-up counts.
std::int64_t tokensOf(std::string_view text) { return static_cast<std::int64_t>(text.size() / 4 + 1); }

Json textBlocks(std::string_view text) { return Json::array({{{"text", text}}}); }

std::string hexDigits(Random& random, int count) {
  std::string out;
  while (count-- > 0) out += "0123456789abcdef"[random.below(16)];
  return out;
}

Json claudeStream(std::string_view id, std::string_view model, std::string_view answer, std::int64_t in, std::int64_t out, int latency) {
  Json events = Json::array();
  events.push_back({{"type", "message_start"},
                    {"message", {{"id", id}, {"type", "message"}, {"role", "assistant"}, {"model", model}, {"content", Json::array()}, {"stop_reason", nullptr},
                                 {"stop_sequence", nullptr}, {"usage", {{"input_tokens", in}, {"output_tokens", 1}}}}}});
  events.push_back({{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  for (std::size_t at = 0; at < answer.size(); at += 5)
    events.push_back({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", answer.substr(at, 5)}}}});
  events.push_back({{"type", "content_block_stop"}, {"index", 0}});
  events.push_back({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", out}}}});
  events.push_back({{"type", "message_stop"},
                    {"amazon-bedrock-invocationMetrics", {{"inputTokenCount", in}, {"outputTokenCount", out}, {"invocationLatency", latency}, {"firstByteLatency", latency * 3 / 4}}}});
  return events;
}

}  // namespace

std::string randomUuid(Random& random) {
  std::string id = hexDigits(random, 8) + "-" + hexDigits(random, 4) + "-4" + hexDigits(random, 3) + "-";
  id += "89ab"[random.below(4)];
  return id + hexDigits(random, 3) + "-" + hexDigits(random, 12);
}

DeskCalls::DeskCalls(std::uint64_t seed, std::int64_t count, bool metadataOnly)
    : m_texts(seed, "desk texts"), m_rest(seed, "desk calls"), m_count(count), m_timeMs(kWorldStartMs), m_metadataOnly(metadataOnly) {}

void DeskCalls::answer(DeskCall& call) {
  const Model& model = kModels[static_cast<std::size_t>(call.model)];
  const auto& kinds = deskKinds();
  // Texts in which a second kind is named are the harder ones for every model; the mean stays what the table says.
  const bool isHard = call.message.other >= 0;
  const double wrong = (1 - model.right) * (isHard ? 1.8 : 0.45);
  call.isRight = !m_rest.chance(wrong);
  std::string_view label = kinds[static_cast<std::size_t>(call.message.kind)].label;
  if (!call.isRight) {
    const auto& similar = kinds[static_cast<std::size_t>(call.message.kind)].similar;
    label = isHard && m_rest.chance(0.8) ? kinds[static_cast<std::size_t>(call.message.other)].label : similar[m_rest.below(similar.size())];
  }
  call.answer = label;
  if (!m_rest.chance(model.chatter)) return;
  switch (m_rest.below(4)) {
    case 0: call.answer = "The request is about: " + std::string(label); break;
    case 1: call.answer = std::string(label) + "."; break;
    case 2: call.answer = "Label: " + std::string(label); break;
    default: call.answer = std::string(label) + "\n\nThe writer mentions more than one matter, but this is the one they want dealt with.";
  }
}

void DeskCalls::metadata(DeskCall& call) {
  constexpr std::string_view kApps[] = {"citydesk", "citydesk", "citydesk", "portal", "kiosk"};
  constexpr std::string_view kTeams[] = {"intake", "intake", "streets", "registry"};
  constexpr std::string_view kChannels[] = {"web", "web", "email", "app", "phone-note"};
  const double env = m_rest.uniform();
  auto& meta = call.metadata;
  const bool isWithout = m_rest.chance(kNoMetadataShare);
  meta = {{"app", std::string(kApps[m_rest.below(5)])},
          {"env", env < 0.7 ? "prod" : env < 0.9 ? "staging" : "dev"},
          {"team", std::string(kTeams[m_rest.below(4)])},
          {"locale", call.message.language == "de" ? "de-DE" : call.message.language == "es" ? "es-ES" : m_rest.chance(0.85) ? "en-GB" : "en-IE"},
          {"channel", std::string(kChannels[m_rest.below(5)])},
          {"promptVersion", "v" + std::to_string(call.promptVersion)}};
  if (m_rest.chance(0.3)) meta.emplace_back("experiment", m_rest.chance(0.5) ? "router-a" : "router-b");
  if (m_rest.chance(0.04)) meta.erase(meta.begin() + 2);
  if (m_shadowModel >= 0 && !isWithout) meta.emplace_back("shadow", "yes");
  if (isWithout) meta.clear();
}

void DeskCalls::bodies(DeskCall& call) {
  const Model& model = kModels[static_cast<std::size_t>(call.model)];
  const std::string system = deskSystemPrompt(call.promptVersion);
  const std::int64_t in = tokensOf(system) + tokensOf(call.message.text), out = tokensOf(call.answer);
  const int latency = model.baseLatency + static_cast<int>(m_rest.below(90)) + static_cast<int>(m_rest.below(16ull << m_rest.below(4)));
  const bool isInvoke = call.model == 1 || m_rest.chance(0.25), isStreamed = m_rest.chance(0.15), isFailed = m_rest.chance(kFailedShare);
  const bool hasRegion = m_rest.chance(0.2);
  const std::string messageId = "msg_bdrk_" + hexDigits(m_rest, 24);
  std::string operation = isInvoke ? "InvokeModel" : isStreamed ? "ConverseStream" : "Converse";
  const Json usage = {{"inputTokens", in}, {"outputTokens", out}, {"totalTokens", in + out}};
  if (call.model == 1) {
    call.input = {{"prompt", "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n" + system + "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n" +
                                 call.message.text + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
                  {"max_gen_len", 32}, {"temperature", 0}};
    call.output = {{"generation", call.answer}, {"prompt_token_count", in}, {"generation_token_count", out}, {"stop_reason", "stop"}};
  } else if (call.model == 0 && isInvoke) {
    call.input = {{"anthropic_version", "bedrock-2023-05-31"}, {"max_tokens", 32}, {"temperature", 0}, {"system", system},
                  {"messages", Json::array({{{"role", "user"}, {"content", call.message.text}}})}};
    if (isStreamed) {
      operation = "InvokeModelWithResponseStream";
      call.output = claudeStream(messageId, "claude-3-5-haiku-20241022", call.answer, in, out, latency);
    } else {
      call.output = {{"id", messageId}, {"type", "message"}, {"role", "assistant"}, {"model", "claude-3-5-haiku-20241022"},
                     {"content", Json::array({{{"type", "text"}, {"text", call.answer}}})}, {"stop_reason", "end_turn"}, {"stop_sequence", nullptr},
                     {"usage", {{"input_tokens", in}, {"output_tokens", out}}}};
    }
  } else {
    call.input = Json::object();
    if (isInvoke) call.input["schemaVersion"] = "messages-v1";
    call.input["messages"] = Json::array({{{"role", "user"}, {"content", textBlocks(call.message.text)}}});
    call.input["system"] = textBlocks(system);
    call.input["inferenceConfig"] = isInvoke ? Json{{"max_new_tokens", 32}, {"temperature", 0}} : Json{{"maxTokens", 32}, {"temperature", 0}};
    call.output = {{"output", {{"message", {{"role", "assistant"}, {"content", textBlocks(call.answer)}}}}}, {"stopReason", "end_turn"}};
    if (!isInvoke) call.output["metrics"] = {{"latencyMs", latency}};
    call.output["usage"] = usage;
  }
  Json& r = call.record;
  r = {{"schemaType", "ModelInvocationLog"}, {"schemaVersion", "1.0"}, {"timestamp", isoUtc(call.timeMs * 1000)}, {"accountId", "111122223333"},
       {"identity", {{"arn", "arn:aws:sts::111122223333:assumed-role/message-desk/router"}}}, {"region", "eu-central-1"}, {"requestId", call.requestId},
       {"operation", operation}, {"modelId", (hasRegion && call.model != 1 ? "eu." : "") + std::string(model.id)}};
  if (isFailed) r["errorCode"] = "ThrottlingException";
  if (!call.metadata.empty()) {
    r["requestMetadata"] = Json::object();
    for (const auto& [key, value] : call.metadata) r["requestMetadata"][key] = value;
  }
  r["input"] = {{"inputContentType", "application/json"}};
  if (!m_metadataOnly) r["input"]["inputBodyJson"] = call.input;
  r["input"]["inputTokenCount"] = in;
  if (isFailed) {
    call.output = nullptr;
    return;
  }
  r["output"] = {{"outputContentType", "application/json"}};
  if (!m_metadataOnly) r["output"]["outputBodyJson"] = call.output;
  r["output"]["outputTokenCount"] = out;
}

DeskCall DeskCalls::next() {
  DeskCall call;
  call.requestId = randomUuid(m_rest);
  m_timeMs += 20'000 + static_cast<std::int64_t>(m_rest.below(80'000));  // a minute on average
  call.timeMs = m_timeMs;
  if (m_shadowModel >= 0) {
    call.message = m_repeated;
    call.model = m_shadowModel;
  } else {
    call.message = deskMessage(m_texts);
    const double u = m_rest.uniform();
    call.model = u < 0.5 ? 0 : u < 0.77 ? 1 : 2;
  }
  call.promptVersion = 1 + static_cast<int>(3 * m_index / std::max<std::int64_t>(1, m_count));
  answer(call);
  metadata(call);
  bodies(call);
  const bool isShadow = m_shadowModel >= 0;
  m_shadowModel = -1;
  if (!isShadow && m_rest.chance(kShadowShare)) {
    m_repeated = call.message;
    m_shadowModel = (call.model + 1 + static_cast<int>(m_rest.below(2))) % 3;
  }
  ++m_index;
  return call;
}

}  // namespace retort::logs

// Reading and writing the API's JSON.
#include "engine/chat_api.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace retort::engine {
namespace {

Error bad(const std::string& member, std::string why, std::string next = "See the API's documentation") {
  return Error{"engine.api.request", "The request cannot be answered", member, std::move(why), std::move(next), {}, {}};
}

/// A number in a range; absent or null leaves `out`.
Status number(const Json& body, const char* key, double low, double high, double& out) {
  if (!body.contains(key) || body[key].is_null()) return {};
  if (!body[key].is_number()) return bad(key, "it must be a number");
  const double value = body[key].get<double>();
  if (!(value >= low && value <= high)) return bad(key, "it is " + formatNumber(value, 6) + ", and must be from " + formatNumber(low, 6) + " to " + formatNumber(high, 6));
  out = value;
  return {};
}

Status whole(const Json& body, const char* key, std::int64_t low, std::int64_t high, std::int64_t& out) {
  double value = static_cast<double>(out);
  RETORT_CHECK(number(body, key, static_cast<double>(low), static_cast<double>(high), value));
  if (value != std::floor(value)) return bad(key, "it must be a whole number");
  out = static_cast<std::int64_t>(value);
  return {};
}

Status refuseUnsupported(const Json& body) {
  std::int64_t n = 1;
  RETORT_CHECK(whole(body, "n", 1, 1, n));
  for (const char* key : {"logit_bias", "audio", "best_of", "suffix", "functions"})
    if (body.contains(key) && !body[key].is_null() && !(body[key].is_structured() && body[key].empty()) && body[key] != 1) return bad(key, "this server does not support it", "Leave it out");
  if (body.contains("response_format") && body["response_format"].is_object() && body["response_format"].value("type", "text") != "text")
    return bad("response_format", "this server writes text only", "Leave it out, and ask for JSON in the prompt");
  for (const char* key : {"frequency_penalty", "presence_penalty"})
    if (body.contains(key) && body[key].is_number() && body[key].get<double>() != 0) return bad(key, "this server does not support it", "Leave it out, or use repetition_penalty");
  return {};
}

Status readStops(const Json& body, GenerationOptions& options) {
  if (!body.contains("stop") || body["stop"].is_null()) return {};
  const Json stops = body["stop"].is_string() ? Json::array({body["stop"]}) : body["stop"];
  if (!stops.is_array() || stops.size() > 16) return bad("stop", "it must be a text or a list of at most 16");
  for (const Json& stop : stops) {
    if (!stop.is_string() || stop.get<std::string>().empty()) return bad("stop", "each must be a text that is not empty");
    options.stop.push_back(stop.get<std::string>());
  }
  return {};
}

Status readSampling(const Json& body, const ModelHost& host, ApiRequest& out) {
  auto& o = out.options;
  std::int64_t maxTokens = std::min<std::int64_t>(1024, std::max<std::int64_t>(1, host.decoder.config.context)), topK = 0, seed = 1;
  RETORT_CHECK(whole(body, "max_tokens", 1, 1'000'000, maxTokens));
  RETORT_CHECK(whole(body, "max_completion_tokens", 1, 1'000'000, maxTokens));
  RETORT_CHECK(whole(body, "top_k", 0, 1'000'000, topK));
  RETORT_CHECK(whole(body, "seed", -9'007'199'254'740'992, 9'007'199'254'740'992, seed));
  RETORT_CHECK(number(body, "temperature", 0, 2, o.sampler.temperature));
  RETORT_CHECK(number(body, "top_p", 0, 1, o.sampler.topP));
  RETORT_CHECK(number(body, "min_p", 0, 1, o.sampler.minP));
  RETORT_CHECK(number(body, "repetition_penalty", 0.01, 10, o.sampler.repetitionPenalty));
  o.maxTokens = static_cast<int>(maxTokens);
  o.sampler.topK = static_cast<int>(topK);
  o.sampler.seed = static_cast<std::uint64_t>(seed);
  o.stopIds = host.stopIds;
  RETORT_CHECK(readStops(body, o));
  std::int64_t top = 0;
  if (out.chat) {
    if (body.contains("logprobs") && !body["logprobs"].is_null() && !body["logprobs"].is_boolean()) return bad("logprobs", "it must be true or false");
    o.logProbs = body.value("logprobs", Json()) == true;
    RETORT_CHECK(whole(body, "top_logprobs", 0, 20, top));
    if (top > 0 && !o.logProbs) return bad("top_logprobs", "it needs logprobs true");
  } else {
    o.logProbs = body.contains("logprobs") && body["logprobs"].is_number();
    RETORT_CHECK(whole(body, "logprobs", 0, 20, top));
  }
  o.topLogProbs = static_cast<int>(top);
  return {};
}

Status checkMessages(const Json& messages) {
  if (!messages.is_array() || messages.empty()) return bad("messages", "it must be a list of at least one message");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    const Json& m = messages[i];
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string()) return bad(where, "a message is an object with a role");
    const Json content = m.value("content", Json());
    if (content.is_array())
      for (const Json& part : content)
        if (!part.is_object() || part.value("type", "") != "text") return bad(where + ".content", "this model reads text only", "Leave out images, audio and files");
    if (!content.is_null() && !content.is_string() && !content.is_array()) return bad(where + ".content", "it must be a text or a list of text parts");
  }
  return {};
}

/// Messages as the template wants them: text parts joined.
Json plainMessages(const Json& messages) {
  Json out = Json::array();
  for (Json m : messages) {
    if (m.contains("content") && m["content"].is_array()) {
      std::string text;
      for (const Json& part : m["content"]) text += part.value("text", std::string());
      m["content"] = text;
    } else if (!m.contains("content") || m["content"].is_null()) {
      m["content"] = "";
    }
    out.push_back(std::move(m));
  }
  return out;
}

Status readPrompt(const Json& body, const ModelHost& host, ApiRequest& out) {
  if (out.chat) {
    if (!host.text.chat) return bad("messages", "this model has no chat template", "Use /v1/completions");
    out.messages = body.value("messages", Json());
    RETORT_CHECK(checkMessages(out.messages));
    out.tools = body.value("tools", Json());
    if (!out.tools.is_null() && !out.tools.is_array()) return bad("tools", "it must be a list");
    out.messages = plainMessages(out.messages);
    RETORT_TRY(auto encoded, text::encodePrompt(*host.text.chat, *host.text.tokenizer, host.text.tokens, out.messages, out.tools));
    out.prompt = std::move(encoded.ids);
    return {};
  }
  if (!body.contains("prompt") || !body["prompt"].is_string()) return bad("prompt", "it must be a text");
  out.text = body["prompt"].get<std::string>();
  RETORT_TRY(out.prompt, host.text.tokenizer->encode(out.text));
  if (out.prompt.empty())
    if (const auto bos = host.text.tokenizer->idOf(host.text.tokens.bos); bos >= 0) out.prompt.push_back(bos);
  return {};
}

Json usageOf(const Generated& made) {
  return {{"prompt_tokens", made.promptTokens}, {"completion_tokens", made.ids.size()}, {"total_tokens", made.promptTokens + made.ids.size()}};
}

Json frame(const ApiAnswer& answer, const char* object) { return {{"id", answer.id}, {"object", object}, {"created", answer.created}, {"model", answer.model}, {"choices", Json::array()}}; }
const char* chunkObject(const ApiRequest& request) { return request.chat ? "chat.completion.chunk" : "text_completion"; }

/// One token with its bytes, as `logprobs.content` has it.
Json tokenJson(const text::Tokenizer& tokenizer, text::TokenId id, double logProb) {
  const std::string text = tokenizer.decode(std::vector<text::TokenId>{id});
  Json bytes = Json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", repairUtf8(text)}, {"logprob", jsonNumber(logProb)}, {"bytes", bytes}};
}

Json chatLogProbs(const Generated& made, const text::Tokenizer& tokenizer) {
  Json content = Json::array();
  for (std::size_t i = 0; i < made.logProbs.size(); ++i) {
    Json one = tokenJson(tokenizer, made.ids[i], made.logProbs[i]);
    one["top_logprobs"] = Json::array();
    if (i < made.top.size())
      for (const auto& [id, logProb] : made.top[i]) one["top_logprobs"].push_back(tokenJson(tokenizer, id, logProb));
    content.push_back(std::move(one));
  }
  return {{"content", content}};
}

Json textLogProbs(const Generated& made, const text::Tokenizer& tokenizer) {
  Json tokens = Json::array(), values = Json::array(), tops = Json::array();
  for (std::size_t i = 0; i < made.logProbs.size(); ++i) {
    tokens.push_back(repairUtf8(tokenizer.decode(std::vector<text::TokenId>{made.ids[i]})));
    values.push_back(jsonNumber(made.logProbs[i]));
    Json top = Json::object();
    if (i < made.top.size())
      for (const auto& [id, logProb] : made.top[i]) top[repairUtf8(tokenizer.decode(std::vector<text::TokenId>{id}))] = jsonNumber(logProb);
    tops.push_back(std::move(top));
  }
  return {{"tokens", tokens}, {"token_logprobs", values}, {"top_logprobs", tops}};
}

}  // namespace

Result<ApiRequest> parseApiRequest(std::string_view text, bool chat, const ModelHost& host, std::string_view name) {
  RETORT_TRY(const Json body, parseJson(text, "request body"));
  if (!body.is_object()) return bad("body", "it must be a JSON object");
  ApiRequest out;
  out.chat = chat;
  out.metadata = body.value("metadata", Json());
  // Clients must name a model; any spelling of the one that is served will do.
  if (body.contains("model") && body["model"].is_string()) {
    const std::string wanted = body["model"].get<std::string>(), plain(name.substr(0, name.rfind('@')));
    if (!wanted.empty() && wanted != name && wanted != plain)
      return Error{"engine.api.model", "The model " + shown(wanted) + " is not served here", "model", "this server answers as " + std::string(name), "Name that, or nothing", {}, {}};
  }
  RETORT_CHECK(refuseUnsupported(body));
  RETORT_CHECK(readSampling(body, host, out));
  if (body.contains("stream") && !body["stream"].is_null() && !body["stream"].is_boolean()) return bad("stream", "it must be true or false");
  out.stream = body.value("stream", Json()) == true;
  if (body.contains("stream_options") && body["stream_options"].is_object()) out.streamUsage = body["stream_options"].value("include_usage", Json()) == true;
  RETORT_CHECK(readPrompt(body, host, out));
  const std::int64_t room = host.decoder.config.context - static_cast<std::int64_t>(out.prompt.size());
  if (room < 1) return bad(chat ? "messages" : "prompt", "it has " + std::to_string(out.prompt.size()) + " tokens, and the model's context is " + std::to_string(host.decoder.config.context), "Shorten it");
  out.options.maxTokens = static_cast<int>(std::min<std::int64_t>(out.options.maxTokens, room));
  return out;
}

Json completion(const ApiAnswer& answer, const ApiRequest& request, const Generated& made, const text::Tokenizer& tokenizer) {
  Json out = frame(answer, request.chat ? "chat.completion" : "text_completion");
  Json choice = {{"index", 0}};
  if (request.chat) choice["message"] = {{"role", "assistant"}, {"content", made.text}, {"refusal", nullptr}};
  else choice["text"] = made.text;
  choice["logprobs"] = !request.options.logProbs ? Json() : request.chat ? chatLogProbs(made, tokenizer) : textLogProbs(made, tokenizer);
  choice["finish_reason"] = made.finish;
  out["choices"].push_back(std::move(choice));
  out["usage"] = usageOf(made);
  return out;
}

Json chunk(const ApiAnswer& answer, const ApiRequest& request, std::string_view piece, bool first) {
  Json out = frame(answer, chunkObject(request));
  Json choice = {{"index", 0}};
  if (request.chat) {
    choice["delta"] = Json::object();
    if (first) choice["delta"]["role"] = "assistant";
    choice["delta"]["content"] = piece;
  } else {
    choice["text"] = piece;
  }
  choice["finish_reason"] = nullptr;
  out["choices"].push_back(std::move(choice));
  return out;
}

Json lastChunk(const ApiAnswer& answer, const ApiRequest& request, const Generated& made) {
  Json out = frame(answer, chunkObject(request));
  Json choice = {{"index", 0}};
  if (request.chat) choice["delta"] = Json::object();
  else choice["text"] = "";
  choice["finish_reason"] = made.finish;
  out["choices"].push_back(std::move(choice));
  return out;
}

Json usageChunk(const ApiAnswer& answer, const ApiRequest& request, const Generated& made) {
  Json out = frame(answer, chunkObject(request));
  out["usage"] = usageOf(made);
  return out;
}

Json apiError(const Error& error, std::string_view type) {
  return {{"error", {{"message", error.text()}, {"type", type}, {"param", error.where.empty() ? Json() : Json(error.where)}, {"code", error.code}}}};
}

}  // namespace retort::engine

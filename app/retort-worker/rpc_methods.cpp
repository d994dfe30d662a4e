// describe, tokenize, render, generate, score, profile.
#include "app/retort-worker/rpc_methods.h"

#include "base/clock.h"
#include "engine/generator.h"
#include "engine/profiler.h"
#include "engine/scorer.h"

namespace retort::worker {
namespace {

using engine::ModelHost;
using text::TokenId;

Error badParams(const std::string& where, const std::string& why) {
  return Error{"worker.rpc.params", "A request was not understood", where, why, "See the methods in core/job/rpc.h", {}, {}};
}

Result<std::vector<TokenId>> idsOf(const Json& json, const std::string& where) {
  std::vector<TokenId> ids;
  if (!json.is_array()) return badParams(where, "ids must be an array of whole numbers");
  for (const auto& id : json) {
    if (!id.is_number_integer()) return badParams(where, "ids must be whole numbers");
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

Status requireTemplate(const ModelHost& host) {
  if (host.text.chat) return {};
  return Error{"worker.template.missing", "The model " + shown(host.source->name()) + " takes no messages", "chat template", "it has none",
               "Give a text instead, or choose an instruction-tuned model", {}, {}};
}

Result<text::EncodedChat> promptOf(const ModelHost& host, const Json& prompt, const std::string& where) {
  if (!prompt.is_object()) return badParams(where, "a prompt is an object with messages, text or ids");
  text::EncodedChat chat;
  if (prompt.contains("ids")) {
    RETORT_TRY(chat.ids, idsOf(prompt["ids"], where));
    return chat;
  }
  if (prompt.contains("text")) {
    if (!prompt["text"].is_string()) return badParams(where, "text must be a string");
    // Text is data: what looks like a special token in it is not one, unless the caller says so.
    RETORT_TRY(chat.ids, host.text.tokenizer->encode(prompt["text"].get<std::string>(), {prompt.value("special", false)}));
    if (chat.ids.empty()) {
      const TokenId bos = host.text.tokenizer->idOf(host.text.tokens.bos);
      if (bos >= 0) chat.ids.push_back(bos);
    }
    return chat;
  }
  if (!prompt.contains("messages") || !prompt["messages"].is_array()) return badParams(where, "a prompt needs messages, text or ids");
  RETORT_CHECK(requireTemplate(host));
  return text::encodePrompt(*host.text.chat, *host.text.tokenizer, host.text.tokens, prompt["messages"], prompt.value("tools", Json()));
}

Result<std::vector<std::vector<TokenId>>> promptsOf(const ModelHost& host, const Json& params) {
  const Json prompts = params.value("prompts", Json());
  if (!prompts.is_array()) return badParams("prompts", "prompts must be an array");
  std::vector<std::vector<TokenId>> out;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    RETORT_TRY(auto chat, promptOf(host, prompts[i], "prompts[" + std::to_string(i) + "]"));
    out.push_back(std::move(chat.ids));
  }
  return out;
}

Json pairsJson(const std::vector<std::vector<std::pair<TokenId, double>>>& rows) {
  Json out = Json::array();
  for (const auto& row : rows) {
    Json pairs = Json::array();
    for (const auto& [id, logProb] : row) pairs.push_back(Json::array({id, jsonNumber(logProb)}));
    out.push_back(std::move(pairs));
  }
  return out;
}

Json numbersJson(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(jsonNumber(value));
  return out;
}

Result<Json> tokenize(const ModelHost& host, const Json& params) {
  const Json texts = params.value("texts", Json());
  if (!texts.is_array()) return badParams("texts", "texts must be an array of strings");
  Json out = Json::array();
  for (const auto& text : texts) {
    if (!text.is_string()) return badParams("texts", "texts must be an array of strings");
    RETORT_TRY(const auto ids, host.text.tokenizer->encode(text.get<std::string>(), {params.value("special", false)}));
    out.push_back(ids);
  }
  return Json{{"ids", std::move(out)}};
}

Result<Json> render(const ModelHost& host, const Json& params) {
  RETORT_CHECK(requireTemplate(host));
  text::TemplateInput input;
  input.variables["messages"] = params.value("messages", Json::array());
  if (const Json tools = params.value("tools", Json()); !tools.is_null()) input.variables["tools"] = tools;
  input.variables["add_generation_prompt"] = params.value("add_generation_prompt", true);
  input.variables["bos_token"] = host.text.tokens.bos;
  input.variables["eos_token"] = host.text.tokens.eos;
  RETORT_TRY(const auto rendered, host.text.chat->render(input));
  std::vector<text::Piece> pieces;
  for (const auto& span : rendered.spans) pieces.push_back({std::string_view(rendered.text).substr(span.begin, span.end - span.begin), span.fromTemplate});
  RETORT_TRY(const auto ids, host.text.tokenizer->encodePieces(pieces));
  return Json{{"text", rendered.text}, {"ids", ids}};
}

Result<engine::GenerationOptions> generationOptions(const ModelHost& host, const Json& params, bool& stream) {
  engine::GenerationOptions options;
  ObjectReader reader(params, "params");
  int logProbs = -1;
  stream = false;
  reader.optional("max_tokens", options.maxTokens).optional("temperature", options.sampler.temperature).optional("top_k", options.sampler.topK);
  reader.optional("top_p", options.sampler.topP).optional("min_p", options.sampler.minP).optional("repetition_penalty", options.sampler.repetitionPenalty);
  reader.optional("seed", options.sampler.seed).optional("stop", options.stop).optional("batch", options.batch).optional("stream", stream);
  if (params.contains("logprobs")) reader.optional("logprobs", logProbs);
  reader.range("max_tokens", options.maxTokens, 1, 1'000'000).range("temperature", options.sampler.temperature, 0, 100);
  reader.range("top_p", options.sampler.topP, 0, 1).range("min_p", options.sampler.minP, 0, 1).range("repetition_penalty", options.sampler.repetitionPenalty, 0.01, 100);
  reader.range("top_k", options.sampler.topK, 0, 1e9).range("logprobs", logProbs, -1, 1000).range("batch", options.batch, 0, 4096);
  reader.member("prompts");
  RETORT_CHECK(reader.finish());
  options.logProbs = logProbs >= 0;
  options.topLogProbs = std::max(0, logProbs);
  options.stopIds = host.stopIds;
  return options;
}

Result<Json> generate(const ModelHost& host, const Json& params, const CallContext& context) {
  bool stream = false;
  RETORT_TRY(const auto options, generationOptions(host, params, stream));
  const double begin = monotonicSeconds();
  RETORT_TRY(const auto prompts, promptsOf(host, params));
  engine::GenerationHooks hooks;
  hooks.cancelled = context.cancelled;
  if (stream)
    hooks.delta = [&](std::size_t index, std::string_view text) { context.note({{"delta", {{"index", index}, {"text", text}}}}); };
  hooks.progress = [&](std::size_t done, std::size_t of) { context.note({{"progress", {{"done", done}, {"of", of}}}}); };
  RETORT_TRY(const auto outputs, engine::generate(host.decoder, host.text.tokenizer.get(), prompts, options, hooks));
  const double seconds = monotonicSeconds() - begin;
  Json list = Json::array();
  std::size_t tokens = 0;
  for (const auto& output : outputs) {
    Json one{{"text", output.text}, {"ids", output.ids}, {"finish", output.finish}, {"prompt_tokens", output.promptTokens}};
    if (options.logProbs) one["logprobs"] = numbersJson(output.logProbs);
    if (options.topLogProbs > 0) one["top"] = pairsJson(output.top);
    one["ttft_ms"] = jsonNumber(output.firstTokenMs);
    one["total_ms"] = jsonNumber(output.totalMs);
    tokens += output.ids.size();
    list.push_back(std::move(one));
  }
  return Json{{"outputs", std::move(list)}, {"seconds", jsonNumber(seconds)}, {"tokens_per_s", jsonNumber(static_cast<double>(tokens) / seconds)}};
}

Result<engine::ScoreItem> scoreItem(const ModelHost& host, const Json& item, const std::string& where) {
  engine::ScoreItem out;
  if (item.is_object() && item.contains("ids")) {
    RETORT_TRY(out.ids, idsOf(item["ids"], where));
    const auto from = item.value("from", std::int64_t{1});
    if (from < 0) return badParams(where, "from must not be negative");
    out.scored.assign(out.ids.size(), 0);
    for (auto i = static_cast<std::size_t>(from); i < out.scored.size(); ++i) out.scored[i] = 1;
    return out;
  }
  if (!item.is_object() || !item.contains("messages") || !item.contains("target")) return badParams(where, "an item needs messages and target, or ids and from");
  RETORT_CHECK(requireTemplate(host));
  RETORT_TRY(auto chat, text::encodeTraining(*host.text.chat, *host.text.tokenizer, host.text.tokens, item["messages"], item.value("tools", Json()), item["target"]));
  out.ids = std::move(chat.ids);
  out.scored = std::move(chat.learn);
  return out;
}

Result<Json> score(const ModelHost& host, const Json& params, const CallContext& context) {
  const Json items = params.value("items", Json());
  if (!items.is_array()) return badParams("items", "items must be an array");
  std::vector<engine::ScoreItem> wanted;
  for (std::size_t i = 0; i < items.size(); ++i) {
    RETORT_TRY(auto item, scoreItem(host, items[i], "items[" + std::to_string(i) + "]"));
    wanted.push_back(std::move(item));
  }
  const int topK = params.value("top_k", 0);
  if (topK < 0 || topK > 100'000) return badParams("top_k", "top_k must be between 0 and 100000");
  engine::ScoreHooks hooks;
  hooks.cancelled = context.cancelled;
  hooks.progress = [&](std::size_t done, std::size_t of) { context.note({{"progress", {{"done", done}, {"of", of}}}}); };
  RETORT_TRY(const auto scored, engine::score(host.decoder, wanted, topK, hooks));
  Json list = Json::array();
  for (const auto& one : scored) {
    Json entry{{"ids", one.ids}, {"logprobs", numbersJson(one.logProbs)}, {"sum", jsonNumber(one.sum)}};
    if (topK > 0) entry["top"] = pairsJson(one.top);
    list.push_back(std::move(entry));
  }
  return Json{{"items", std::move(list)}};
}

Result<Json> profile(const ModelHost& host, const Json& params, const CallContext& context) {
  engine::ProfileOptions options;
  ObjectReader reader(params, "params");
  reader.optional("warmup", options.warmup).optional("max_tokens", options.maxTokens).optional("batch", options.batch);
  reader.range("warmup", options.warmup, 0, 1000).range("max_tokens", options.maxTokens, 1, 1'000'000).range("batch", options.batch, 1, 4096);
  reader.member("prompts");
  RETORT_CHECK(reader.finish());
  options.stopIds = host.stopIds;
  RETORT_TRY(const auto prompts, promptsOf(host, params));
  engine::GenerationHooks hooks;
  hooks.cancelled = context.cancelled;
  hooks.progress = [&](std::size_t done, std::size_t of) { context.note({{"progress", {{"done", done}, {"of", of}}}}); };
  RETORT_TRY(const auto p, engine::profile(host.decoder, host.device, host.text.tokenizer.get(), prompts, options, hooks));
  const auto pair = [](const engine::Percentiles& values) { return Json{{"p50", jsonNumber(values.p50)}, {"p95", jsonNumber(values.p95)}}; };
  return Json{{"rows", p.rows}, {"ttft_ms", pair(p.firstTokenMs)}, {"request_ms", pair(p.requestMs)}, {"itl_ms", pair(p.betweenTokensMs)},
              {"tokens_per_s", jsonNumber(p.tokensPerSecond)}, {"prefill_tokens_per_s", jsonNumber(p.prefillTokensPerSecond)},
              {"output_tokens", p.outputTokens}, {"peak_bytes", p.peakBytes}, {"definition", p.definition}};
}

}  // namespace

Json describe(const ModelHost& host) {
  const auto& config = host.decoder.config;
  return {{"name", host.source->name()}, {"architecture", config.family}, {"vocab", config.vocab}, {"layers", config.layers},
          {"parameters", config.parameters()}, {"bytes", host.source->weightBytes()}, {"context", config.context}, {"eos", host.stopIds},
          {"bos", config.bosId >= 0 ? Json(config.bosId) : Json()}, {"template", host.text.templateSource}, {"dtype", host.dtype},
          {"device", host.device.text()}, {"threads", host.device.threads}};
}

Result<Json> callMethod(const ModelHost& host, const std::string& method, const Json& params, const CallContext& context) {
  try {
    if (method == "describe") return describe(host);
    if (method == "tokenize") return tokenize(host, params);
    if (method == "render") return render(host, params);
    if (method == "generate") return generate(host, params, context);
    if (method == "score") return score(host, params, context);
    if (method == "profile") return profile(host, params, context);
  } catch (const Json::exception& e) {
    // A member of the wrong type, asked for by value().
    return badParams("params", e.what());
  }
  const std::string near = nearestName(method, {"describe", "tokenize", "render", "generate", "score", "profile", "cancel"});
  return Error{"worker.rpc.method", "The method " + shown(method) + " is not known", "method", "this worker does not have it", near.empty() ? "See core/job/rpc.h" : "Did you mean " + near + "?", {}, {}};
}

}  // namespace retort::worker

// `model generate|score|profile`: verbs that run the model, in a worker process.
#include <cstdio>

#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "data/dataset.h"
#include "job/row.h"
#include "job/rpc.h"
#include "models/library.h"

namespace retort::cli {
namespace {

Result<std::unique_ptr<job::RpcClient>> startWorker(const Context& context, const Args& args, const std::string& name) {
  const auto root = findWorkspace(context.workspaceArg);
  RETORT_TRY(const auto path, models::Library(root.ok() ? *root : fs::path()).resolve(name));
  job::RpcClient::Options options;
  options.dtype = args.get("--dtype", "bf16");
  options.device = args.get("--device", "auto");
  options.adapter = args.get("--adapter");
  RETORT_TRY(const auto threads, args.integer("--threads", 0));
  options.threads = static_cast<int>(threads);
  return job::RpcClient::start(path, options, context.stop);
}

/// A JSON array of messages, an object with "messages" (and "tools"), or JSON lines of such objects.
Result<Json> promptsOf(const std::string& file) {
  RETORT_TRY(const std::string text, readFile(file));
  Json prompts = Json::array();
  if (auto whole = parseJson(text, file); whole.ok()) {
    if (whole->is_array() && !whole->empty() && (*whole)[0].is_object() && (*whole)[0].contains("role")) prompts.push_back({{"messages", *whole}});
    else if (whole->is_object() && whole->contains("messages")) prompts.push_back(*whole);
    else if (whole->is_array())
      for (const Json& item : *whole) prompts.push_back(item.is_array() ? Json{{"messages", item}} : item);
  } else {
    std::size_t number = 0;
    for (const auto line : splitView(text, '\n')) {
      ++number;
      if (trimmed(line).empty()) continue;
      RETORT_TRY(Json item, parseJson(line, file + ", line " + std::to_string(number)));
      prompts.push_back(item.is_array() ? Json{{"messages", item}} : std::move(item));
    }
  }
  if (prompts.empty()) return Error{"cli.argument.messages", file + " holds no prompts", "", "it must be messages as JSON, or JSON lines with \"messages\"", "See the help", "", {}};
  return prompts;
}

/// A prompt for the worker out of a dataset row or any object with messages: only what the worker knows.
Json promptOf(const Json& item) {
  Json prompt = Json::object();
  for (const char* key : {"messages", "tools", "text", "ids"})
    if (item.contains(key) && !item[key].is_null()) prompt[key] = item[key];
  return prompt;
}

int generate(Context& context, const Args& args) {
  if (args.positional().size() != 1 || args.has("--prompt") == args.has("--messages")) return context.usage("model generate needs a model and either --prompt or --messages");
  Json prompts = Json::array();
  if (args.has("--prompt")) {
    prompts.push_back(args.has("--raw") ? Json{{"text", args.get("--prompt")}} : Json{{"messages", {{{"role", "user"}, {"content", args.get("--prompt")}}}}});
  } else {
    const auto read = promptsOf(args.get("--messages"));
    if (!read.ok()) return context.fail(read.error());
    for (const Json& item : *read) prompts.push_back(promptOf(item));
  }
  const auto maxTokens = args.integer("--max-tokens", 256), seed = args.integer("--seed", 1), logprobs = args.integer("--logprobs", 0), topK = args.integer("--top-k", 0);
  const auto temperature = args.number("--temperature", 0), topP = args.number("--top-p", 1);
  for (const auto* number : {&maxTokens, &seed, &logprobs, &topK})
    if (!number->ok()) return context.fail(number->error());
  for (const auto* number : {&temperature, &topP})
    if (!number->ok()) return context.fail(number->error());
  auto client = startWorker(context, args, args.positional()[0]);
  if (!client.ok()) return context.fail(client.error());
  const bool stream = !context.json && prompts.size() == 1;
  const Json params = {{"prompts", prompts}, {"max_tokens", *maxTokens}, {"temperature", *temperature}, {"top_k", *topK}, {"top_p", *topP}, {"seed", *seed},
                       {"logprobs", *logprobs}, {"stop", args.all("--stop")}, {"stream", stream}};
  const auto result = (*client)->call("generate", params, [&](const Json& note) {
    if (!stream || !note.contains("delta")) return;
    const std::string text = note["delta"].value("text", "");
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }, context.stop);
  if (!result.ok()) return context.fail(result.error());
  if (stream) context.print("");
  if (!stream)
    for (const Json& output : (*result)["outputs"]) context.print(output.value("text", ""));
  context.note(fill("{} tokens/s", {formatNumber(result->value("tokens_per_s", 0.0), 1)}));
  context.printJson(*result);
  return done;
}

/// Items to score: JSON lines of {"messages","target"} or {"ids","from"}, or any other file as one plain text.
Result<Json> itemsOf(const std::string& file, job::RpcClient& client, std::stop_token stop) {
  Json items = Json::array();
  if (file.ends_with(".json") || file.ends_with(".jsonl")) {
    RETORT_TRY(const Json read, promptsOf(file));
    for (const Json& item : read) {
      Json out = promptOf(item);
      for (const char* key : {"target", "from"})
        if (item.contains(key)) out[key] = item[key];
      items.push_back(std::move(out));
    }
    return items;
  }
  RETORT_TRY(const std::string text, readFile(file));
  RETORT_TRY(const Json tokens, client.call("tokenize", {{"texts", {text}}, {"special", false}}, {}, stop));
  items.push_back({{"ids", tokens["ids"][0]}, {"from", 1}});
  return items;
}

int score(Context& context, const Args& args) {
  if (args.positional().size() != 2) return context.usage("model score needs a model and a file");
  const auto topK = args.integer("--top-k", 0);
  if (!topK.ok()) return context.fail(topK.error());
  auto client = startWorker(context, args, args.positional()[0]);
  if (!client.ok()) return context.fail(client.error());
  const auto items = itemsOf(args.positional()[1], **client, context.stop);
  if (!items.ok()) return context.fail(items.error());
  const auto result = (*client)->call("score", {{"items", *items}, {"top_k", *topK}}, {}, context.stop);
  if (!result.ok()) return context.fail(result.error());
  for (const Json& item : (*result)["items"]) {
    std::string line;
    for (std::size_t i = 0; i < item["ids"].size(); ++i)
      line += (i > 0 ? " " : "") + std::to_string(item["ids"][i].get<std::int64_t>()) + ":" + formatNumber(numberOf(item["logprobs"][i], 0), 4);
    context.print(line);
  }
  context.printJson(*result);
  return done;
}

/// 16 short questions for machines without a dataset.
Json builtInPrompts() {
  static const char* const kQuestions[] = {"What is the capital of France?", "Name three primary colours.", "How many days has a leap year?", "Translate 'good morning' into Spanish.",
                                           "What does HTTP stand for?", "Write a haiku about the sea.", "Give a synonym for 'quick'.", "What is 17 times 3?",
                                           "Who wrote Hamlet?", "Explain photosynthesis in one sentence.", "What is the boiling point of water?", "List two uses of copper.",
                                           "Say thank you in German.", "What is a prime number?", "Which planet is the largest?", "Finish: the early bird"};
  Json prompts = Json::array();
  for (const char* question : kQuestions) prompts.push_back({{"messages", {{{"role", "user"}, {"content", question}}}}});
  return prompts;
}

int profile(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("model profile needs one or more models, separated by commas");
  Json prompts = builtInPrompts();
  if (args.has("--like")) {
    const auto workspace = context.workspace();
    if (!workspace.ok()) return context.fail(workspace.error());
    const auto id = data::resolveDataset(*workspace, args.get("--like"));
    if (!id.ok()) return context.fail(id.error());
    const auto rows = job::readAllRows(workspace->datasets() / *id / "test.jsonl");
    if (!rows.ok()) return context.fail(rows.error());
    prompts = Json::array();
    for (std::size_t i = 0; i < rows->size() && (args.has("--full") || i < 64); ++i) prompts.push_back({{"messages", (*rows)[i].messages}, {"tools", (*rows)[i].tools}});
  }
  const auto maxTokens = args.integer("--max-tokens", 64);
  if (!maxTokens.ok()) return context.fail(maxTokens.error());
  Json all = Json::array();
  for (const auto name : splitView(args.positional()[0], ',')) {
    auto client = startWorker(context, args, std::string(name));
    if (!client.ok()) return context.fail(client.error());
    auto result = (*client)->call("profile", {{"prompts", prompts}, {"warmup", 3}, {"max_tokens", *maxTokens}, {"batch", 1}}, {}, context.stop);
    if (!result.ok()) return context.fail(result.error());
    (*result)["model"] = std::string(name);
    context.print(fill("{}: p50 {} ms a request, first token {} ms, {} tokens/s ({})",
                       {std::string(name), formatNumber(numberOf((*result)["request_ms"]["p50"], 0), 1), formatNumber(numberOf((*result)["ttft_ms"]["p50"], 0), 1),
                        formatNumber(result->value("tokens_per_s", 0.0), 1), result->value("definition", "")}));
    all.push_back(std::move(result).value());
  }
  context.printJson({{"profiles", all}});
  return done;
}

const OptionSpec kDtype{"--dtype", "T", "bf16 (default), f32 or as-is"}, kDevice{"--device", "D", "auto, cpu or cuda:N"}, kThreads{"--threads", "N", "CPU threads; 0: physical cores"},
    kAdapter{"--adapter", "DIR", "a PEFT adapter laid over the model"};

const Registration r1{{"model", "generate", "model generate M --prompt P|--messages FILE [--max-tokens N] [--temperature T]", "Lets a model answer (greedy unless a temperature is given).",
                       {{"--prompt", "P", "one user message"}, {"--raw", "", "the prompt is text, without the chat template"}, {"--messages", "FILE", "messages as JSON, or JSON lines"},
                        {"--max-tokens", "N", "at most N tokens (256)"}, {"--temperature", "T", "0 (default): greedy"}, {"--top-k", "K", "0: all"}, {"--top-p", "P", "1: all"},
                        {"--seed", "S", "of sampling"}, {"--stop", "TEXT", "also ends the answer (repeatable)"}, {"--logprobs", "K", "with --json: log-probabilities and K rivals"}, kDtype, kDevice, kThreads, kAdapter}, generate}};
const Registration r2{{"model", "score", "model score M FILE [--top-k K]", "Prints ID:LOG-PROBABILITY of each token of the targets (or of a plain text).",
                       {{"--top-k", "K", "with --json: the K best tokens at each place"}, kDtype, kDevice, kThreads, kAdapter}, score}};
const Registration r3{{"model", "profile", "model profile M,… [--like DATASET] [--full]", "Measures latency and throughput.",
                       {{"--like", "DATASET", "prompts of this dataset's test rows"}, {"--full", "", "all of them, not 64"}, {"--max-tokens", "N", "of an answer (64)"}, kDtype, kDevice, kThreads, kAdapter}, profile}};

}  // namespace
}  // namespace retort::cli

// `teacher add|list|show|test|rm|usage`: who may be asked, under which terms, and what was spent.
#include <unistd.h>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/spend.h"
#include "base/clock.h"
#include "base/format.h"
#include "models/library.h"
#include "providers/provider.h"
#include "providers/usage_log.h"

namespace retort::cli {
namespace {

using providers::Teacher;

Result<double> positive(const Args& args, std::string_view option, double otherwise) {
  RETORT_TRY(const double value, args.number(option, otherwise));
  if (value < 0) return Error{"cli.argument.number", std::string(option) + " cannot be negative", {}, {}, {}, {}, {}};
  return value;
}

Status readLimits(const Args& args, Teacher& t) {
  RETORT_TRY(const auto concurrent, args.integer("--max-concurrent", t.maxConcurrent));
  if (concurrent < 1 || concurrent > 4096) return Error{"cli.argument.number", "--max-concurrent must be between 1 and 4096", {}, {}, {}, {}, {}};
  t.maxConcurrent = static_cast<int>(concurrent);
  RETORT_TRY(t.requestsPerMinute, positive(args, "--rpm", t.requestsPerMinute));
  RETORT_TRY(t.tokensPerMinute, positive(args, "--tpm", t.tokensPerMinute));
  RETORT_TRY(t.timeouts.firstByte, positive(args, "--first-byte", t.timeouts.firstByte));
  RETORT_TRY(t.timeouts.idle, positive(args, "--idle", t.timeouts.idle));
  RETORT_TRY(t.timeouts.total, positive(args, "--total", t.timeouts.total));
  RETORT_TRY(const auto context, args.integer("--context", t.contextTokens));
  t.contextTokens = static_cast<int>(context);
  return {};
}

Status readNote(const Args& args, Teacher& t) {
  t.note = providers::defaultNote(t.kind);
  if (!args.has("--may-train") && !args.has("--note")) return {};
  const auto word = args.get("--may-train", t.note.mayTrain);
  if (word != "yes" && word != "no" && word != "conditions" && word != "unknown") return Error{"cli.teacher.note", "--may-train is yes, no, conditions or unknown", {}, {}, {}, {}, {}};
  t.note = {word, args.get("--note"), args.get("--note-source"), args.get("--note-date", isoUtc(utcMicros()).substr(0, 10))};
  return {};
}

Result<Teacher> teacherOf(const Workspace& workspace, const Args& args) {
  Teacher t;
  t.name = args.positional()[0];
  const auto kind = providers::kindFromName(args.get("--kind"));
  if (!kind) {
    const auto near = nearestName(args.get("--kind"), providers::kindNames());
    return Error{"cli.teacher.kind", "--kind must name what the teacher is", {}, near.empty() ? "" : "did you mean " + near + "?", "One of " + join(providers::kindNames(), ", "), {}, {}};
  }
  t.kind = *kind;
  t.url = args.get("--url");
  t.model = args.get("--model");
  t.region = args.get("--region");
  if (args.has("--path")) t.path = std::filesystem::absolute(args.get("--path"));
  if (t.kind == providers::Kind::local) {
    RETORT_TRY(t.path, models::Library(workspace.root()).resolve(t.path.empty() ? t.model : t.path.string()));
    t.model.clear();
  }
  t.keyReference = args.get("--key-reference");
  if (const auto price = args.get("--price"); !price.empty()) {
    const auto comma = price.find(',');
    t.price = price.substr(0, comma);
    t.priceOutput = comma == std::string::npos ? t.price : price.substr(comma + 1);
  }
  t.allowPii = args.has("--allow-pii");
  t.allowPlainKey = args.has("--allow-plain-key");
  t.caFile = args.get("--ca-file");
  t.pinnedKey = args.get("--pin");
  if (args.has("--extra")) {
    RETORT_TRY(t.extra, parseJson(args.get("--extra"), "--extra"));
    if (!t.extra.is_object()) return Error{"cli.teacher.extra", "--extra must be a JSON object", {}, {}, "For example: --extra '{\"service_tier\":\"flex\"}'", {}, {}};
  }
  RETORT_CHECK(readLimits(args, t));
  RETORT_CHECK(readNote(args, t));
  return t;
}

int add(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("teacher add needs a name");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto teacher = teacherOf(*workspace, args);
  if (!teacher.ok()) return context.fail(teacher.error());
  if (auto saved = providers::saveTeacher(*workspace, *teacher, args.has("--replace")); !saved.ok()) return context.fail(saved.error());
  context.print("Added " + teacher->name + ": " + std::string(providers::kindName(teacher->kind)) + " at " + teacher->host());
  context.print("  " + teacher->note.sentence());
  if (!teacher->staysHere()) context.print(teacher->allowPii ? "  Rows with personal data may go to it, by your choice." : "  Rows with personal data stay here; --allow-pii lets them go to it.");
  context.printJson(providers::toJson(*teacher));
  return done;
}

Json describe(const Teacher& t, const providers::PriceTable& prices) {
  Json json = providers::toJson(t);
  json["host"] = t.host();
  const auto price = providers::priceOf(t, prices);
  json["price"] = price ? Json{{"input_per_million", providers::printPrice(price->input)}, {"output_per_million", providers::printPrice(price->output)}, {"source", price->source}, {"as_of", price->asOf}} : Json();
  return json;
}

std::string priceWords(const Teacher& t, const providers::PriceTable& prices) {
  const auto price = providers::priceOf(t, prices);
  if (!price) return "price unknown";
  if (price->input == 0 && price->output == 0) return "no cost";
  return "$" + providers::printPrice(price->input) + " in, $" + providers::printPrice(price->output) + " out per million tokens" + (price->asOf.empty() ? "" : " (" + price->asOf + ")");
}

int list(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto prices = providers::PriceTable::load(&*workspace);
  if (!prices.ok()) return context.fail(prices.error());
  std::vector<Error> problems;
  Json all = Json::array();
  for (const auto& t : providers::listTeachers(*workspace, &problems)) {
    context.print(t.name + "  " + std::string(providers::kindName(t.kind)) + "  " + (t.isRemote() ? t.model : t.path.filename().string()) + "  " + t.host() + "  " + priceWords(t, *prices));
    context.print("  " + t.note.sentence());
    all.push_back(describe(t, *prices));
  }
  for (const auto& p : problems) context.note(p.text());
  if (all.empty()) context.note("There are no teachers yet. Add one with: retort-cli teacher add NAME --kind openai --model MODEL");
  context.printJson({{"teachers", all}});
  return done;
}

int test(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("teacher test needs a teacher");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  auto teacher = providers::loadTeacher(*workspace, args.positional()[0]);
  if (!teacher.ok()) return context.fail(teacher.error());
  const auto prices = providers::PriceTable::load(&*workspace);
  if (!prices.ok()) return context.fail(prices.error());
  if (auto may = mayTest(context, args, *teacher, providers::priceOf(*teacher, *prices)); !may.ok()) return context.fail(may.error());
  auto provider = providers::makeProvider(*teacher);
  if (!provider.ok()) return context.fail(provider.error());
  const auto found = (*provider)->probe(context.stop);
  if (!found.ok()) return context.fail(found.error());
  teacher->capabilities = *found;
  if (auto saved = providers::saveTeacher(*workspace, *teacher, true); !saved.ok()) return context.fail(saved.error());
  const auto yes = [](bool b) { return b ? "yes" : "no"; };
  context.print(teacher->name + " answers" + (found->server.empty() ? "" : " (" + shown(found->server) + ")"));
  context.print(std::string("  seed ") + yes(found->seed) + ", JSON schema " + yes(found->jsonSchema) + ", tools " + yes(found->tools) + ", usage in streams " + yes(found->usageInStream) + ", log-probabilities " +
                (found->maxTopLogprobs == 0 ? "no" : found->maxTopLogprobs < 0 ? "all" : "up to " + std::to_string(found->maxTopLogprobs)) + (found->contextTokens > 0 ? ", reads " + formatCount(found->contextTokens) + " tokens" : ""));
  if (!found->rejectedParams.empty()) context.print("  Left out from now on: " + join(found->rejectedParams, ", "));
  if (!found->models.empty() && std::find(found->models.begin(), found->models.end(), teacher->model) == found->models.end()) context.note("Its list of models does not name " + shown(teacher->model) + ".");
  context.printJson(providers::toJson(*found));
  return done;
}

int remove(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("teacher rm needs a teacher");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (auto removed = providers::removeTeacher(*workspace, args.positional()[0]); !removed.ok()) return context.fail(removed.error());
  context.print("Removed " + args.positional()[0] + "; its answers stay in the cache");
  context.printJson({{"removed", args.positional()[0]}});
  return done;
}

int usage(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto totals = providers::UsageLog::totals(*workspace, args.get("--run"));
  if (!totals.ok()) return context.fail(totals.error());
  context.print(formatCount(totals->attempts) + " attempts, " + formatCount(totals->ok) + " answered: " + providers::formatMoney(totals->spent) + " for " + formatCount(totals->tokens.prompt()) + " tokens in and " + formatCount(totals->tokens.output) + " out");
  if (totals->unknownCost > 0) context.print("  " + formatCount(totals->unknownCost) + " more of a price that nobody knows");
  if (const auto possibly = providers::possiblyBilledSentence(*totals); !possibly.empty()) context.print("  " + possibly);
  context.printJson(providers::toJson(*totals));
  return done;
}

const Registration rAdd{{"teacher", "add", "teacher add NAME --kind K [--url U] [--model M] [--region R] [--path FILE] [--price IN,OUT] [--may-train yes|no|conditions] [--allow-pii] …",
                         "Adds a teacher: a provider's model, a server of your own, a local model or recorded answers. Keys come from the environment or the keychain.",
                         {{"--kind", "K", "openai, openai-responses, anthropic, bedrock, ollama, vllm, llama.cpp, openrouter, compatible, replay or local"}, {"--url", "U", "base address, if not the kind's own"},
                          {"--model", "M", "as the server calls it"}, {"--region", "R", "of Bedrock"}, {"--path", "FILE", "recorded answers, or a model of this machine"}, {"--key-reference", "R", "name of the key in the keychain (the teacher's)"},
                          {"--price", "IN,OUT", "dollars per million tokens, if not the table's"}, {"--may-train", "WORD", "may its answers train a model: yes, no, conditions, unknown"}, {"--note", "TEXT", "what its terms say"},
                          {"--note-source", "URL", "where they say so"}, {"--note-date", "DATE", "when you read them (today)"}, {"--max-concurrent", "N", "most requests at once (32)"}, {"--rpm", "N", "most requests a minute"},
                          {"--tpm", "N", "most tokens a minute"}, {"--first-byte", "S", "seconds until an answer begins (120)"}, {"--idle", "S", "longest silence (60)"}, {"--total", "S", "longest answer (600)"},
                          {"--context", "N", "context of Ollama's models"}, {"--extra", "JSON", "members of every request"}, {"--allow-pii", "", "rows with personal data may go to its host"},
                          {"--allow-plain-key", "", "send the key over http inside your own network"}, {"--ca-file", "FILE", "certificates to trust besides the system's"}, {"--pin", "sha256//…", "the server's public key"},
                          {"--replace", "", "change a teacher that is there"}}, add}};
const Registration rList{{"teacher", "list", "teacher list", "Lists teachers with price and what their terms say about training.", {}, list}};
const Registration rTest{{"teacher", "test", "teacher test T [--yes]", "Checks key and address with one call of one token, and remembers what the server can do.", {{"--yes", "", "the call may cost its fraction of a cent"}}, test}};
const Registration rRemove{{"teacher", "rm", "teacher rm T", "Removes a teacher.", {}, remove}};
const Registration rUsage{{"teacher", "usage", "teacher usage [--run ID]", "Sums what was asked and spent.", {{"--run", "ID", "of one job"}}, usage}};

}  // namespace
}  // namespace retort::cli

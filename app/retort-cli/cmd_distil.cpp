// `distil`: the whole line on one's own logs.
#include <filesystem>

#include "app/retort-cli/cli.h"
#include "base/clock.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/paths.h"
#include "job/job_folder.h"
#include "line/distil.h"
#include "line/summary.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::cli {
namespace {

std::string absolute(const std::string& path) {
  std::error_code error;
  return path.empty() ? path : std::filesystem::absolute(path, error).lexically_normal().string();
}

/// The request in the words of the command line; paths made absolute, because a job runs elsewhere.
Result<line::DistilRequest> requestOf(const Args& args) {
  auto words = args.positional();
  if (words.size() < 2) return Error{"cli.distil.words", "distil needs logs and, last, a folder for the files", {}, {}, "For example: retort-cli distil logs/ --student M out/", {}, {}};
  line::DistilRequest r;
  r.out = absolute(words.back());
  words.pop_back();
  for (const auto& path : words) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return Error{"cli.distil.logs", "The logs " + shown(path) + " do not exist", {}, {}, "Check the path.", {}, {}};
    r.logs.push_back(absolute(path));
  }
  r.student = args.get("--student");
  if (r.student.empty()) return Error{"cli.distil.student", "distil needs --student", {}, "a model must be named that learns", "See: retort-cli model list", {}, {}};
  std::error_code error;
  if (std::filesystem::exists(r.student, error)) r.student = absolute(r.student);
  r.teacher = args.get("--teacher");
  if (!r.teacher.empty() && std::filesystem::exists(r.teacher, error)) r.teacher = absolute(r.teacher);
  r.where = args.get("--where");
  r.golden = absolute(args.get("--golden"));
  r.references = absolute(args.get("--references"));
  r.use = args.get("--use");
  r.recipe = args.get("--recipe", "fast");
  r.name = args.get("--name", "student");
  r.split = args.get("--split", "80/10/10");
  r.system = args.get("--system", "keep");
  r.set = args.all("--set");
  RETORT_TRY(const auto seed, args.integer("--seed", 1));
  r.seed = static_cast<std::uint64_t>(seed);
  if (args.has("--to")) {
    r.formats.clear();
    const std::string to = args.get("--to");
    for (const auto part : splitView(to, ',')) r.formats.emplace_back(trimmed(part));
  }
  if (const auto by = args.get("--finish-by"); !by.empty()) {
    const auto time = parseIsoTime(by);
    if (!time) return Error{"cli.distil.time", "\"" + shown(by) + "\" is no time", {}, "--finish-by needs one like 2026-05-01T18:00:00Z", {}, {}, {}};
    r.finishBy = *time / 1000;
  }
  RETORT_TRY([[maybe_unused]] const double cap, args.number("--cap-money", 0));  // every teacher here is logged or local: nothing is spent
  return r;
}

/// -w, the environment or a parent folder; else a workspace beside the files.
Result<Workspace> distilWorkspace(const Context& context, const line::DistilRequest& request) {
  auto found = context.workspace();
  if (found.ok() || !context.workspaceArg.empty()) return found;
  const std::filesystem::path own = std::filesystem::path(request.out).parent_path() / (std::filesystem::path(request.out).filename().string() + ".retort");
  std::error_code error;
  return std::filesystem::exists(own / "workspace.json", error) ? Workspace::open(own) : Workspace::create(own);
}

int printDryRun(Context& context, const line::DistilRequest& request) {
  const auto dry = line::dryRun(request, context.progress(), context.stop);
  if (!dry.ok()) return context.fail(dry.error());
  const auto count = [](const Json& json, const char* key) { return formatCount(json.is_object() ? json.value(key, std::int64_t{0}) : 0); };
  context.print("Lines: " + count(dry->imported, "lines") + ", accepted " + count(dry->imported, "accepted") + ", duplicates " + count(dry->imported, "duplicates") + ", rejected " +
                count(dry->imported, "rejected"));
  const Json counts = dry->dataset.value("counts", Json::object());
  context.print("Rows: training " + count(counts, "train") + ", validation " + count(counts, "validation") + ", test " + count(counts, "test"));
  context.print("Tokens: about " + formatCount(dry->forecast.tokensPerStep * dry->forecast.steps) + " in training");
  for (const auto& text : dry->forecast.lines()) context.print(text);
  context.printJson({{"imported", dry->imported}, {"counts", counts}, {"tokens", dry->forecast.tokensPerStep * dry->forecast.steps}, {"forecast", run::toJson(dry->forecast)}});
  if (dry->forecast.blocker) return context.fail(*dry->forecast.blocker);
  return done;
}

/// An unfinished job with the same request goes on; else a new one.
Result<std::string> distilJob(const Workspace& workspace, const line::DistilRequest& request) {
  const Json params = line::toJson(request);
  for (const auto& id : listProducts(workspace.jobs())) {
    const auto folder = workspace.jobs() / id;
    const auto spec = readJsonFile(folder / "spec.json");
    if (!spec.ok() || spec->value("kind", std::string()) != "distil" || (*spec)["params"] != params) continue;
    const auto state = job::observedState(folder);
    if (!state.ok() || state->phase == job::Phase::done) continue;
    if (!job::isActive(state->phase)) RETORT_CHECK(run::requeue(folder));
    return id;
  }
  return job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", "distil"}, {"name", request.name}, {"params", params}});
}

int distil(Context& context, const Args& args) {
  const auto request = requestOf(args);
  if (!request.ok()) return context.fail(request.error());
  if (const auto checked = line::distilRequestFromJson(line::toJson(*request), "distil"); !checked.ok()) return context.fail(checked.error());
  if (args.has("--dry-run")) return printDryRun(context, *request);
  const auto workspace = distilWorkspace(context, *request);
  if (!workspace.ok()) return context.fail(workspace.error());
  context.note("Workspace: " + workspace->root().string());
  const auto id = distilJob(*workspace, *request);
  if (!id.ok()) return context.fail(id.error());
  if (auto started = run::ensureSupervisor(*workspace); !started.ok()) return context.fail(started.error());
  if (args.has("--detach")) {
    context.print("Started job " + *id);
    context.printJson({{"id", *id}, {"workspace", workspace->root().string()}});
    return done;
  }
  const auto state = run::waitForEnd(*workspace, workspace->jobs() / *id, context.progress(), context.stop);
  if (!state.ok()) {
    if (isCancelled(state.error())) context.note("It goes on in the background; see it with: retort-cli -w " + workspace->root().string() + " job status " + *id);
    return context.fail(state.error());
  }
  if (state->phase != job::Phase::done) {
    if (state->error.is_object()) return context.fail(job::errorFromJson(state->error));
    context.note("It was stopped; the same command goes on with it.");
    return cancelled;
  }
  for (const auto& text : line::summaryTable(state->extra)) context.print(text);
  context.printJson(state->extra);
  for (const auto& e : state->extra.value("exports", Json::array()))
    if (!e.value("verified", false)) return gateFailed;
  return done;
}

Result<Json> execDistil(JobContext& job) {
  RETORT_TRY(const auto request, line::distilRequestFromJson(job.params, "spec.json: params"));
  return line::runDistil(job.workspace, job.folder, request, job.progress, job.stop);
}

const Registration r{{"distil", "", "distil LOGS… --student M [--teacher T] [--where FILTER] [--golden F] [--use responses|prompts] [--recipe fast|better|best] [--dry-run] OUT",
                      "Runs the whole line on your own logs, from import to verified files, as one resumable job.",
                      {{"--student", "M", "model that learns"}, {"--teacher", "T", "a logged model's id, or a local model"}, {"--where", "FILTER", "which records"},
                       {"--golden", "F", "conversations with the right answer"}, {"--references", "F", "labels by request id, for evaluation only"}, {"--use", "WHAT", "responses or prompts"},
                       {"--recipe", "R", "fast, better or best"}, {"--name", "NAME", "of the student"}, {"--split", "S", "80/10/10 or time:T1,T2"},
                       {"--system", "TEXT", "system prompt of the rows: keep, none or a text"}, {"--to", "FORMATS", "hf,gguf:f16,gguf:q8_0,adapter"}, {"--set", "K=V", "changes one field of the run"},
                       {"--cap-money", "X", "most to spend; local and logged teachers cost nothing"}, {"--finish-by", "TIME", "deadline; steps are cut to meet it"},
                       {"--seed", "S", "of split and training"}, {"--dry-run", "", "prints counts, tokens, time, memory, disk and stops"}, {"--detach", "", "starts it and returns"}}, distil}};
const JobRegistration executor{"distil", execDistil};

}  // namespace
}  // namespace retort::cli

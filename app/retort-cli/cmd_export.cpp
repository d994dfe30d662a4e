// `export RUN|MODEL --to … [OUT]` and `export verify|list`: files for use elsewhere, and their gate; also the job kind "export".
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "data/dataset.h"
#include "exports/export.h"
#include "job/job_folder.h"
#include "run/supervisor.h"

namespace retort::cli {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::string student, to, dataset, out;
  bool run = true;
};

Json paramsOf(const Request& r) { return {{"student", r.student}, {"to", r.to}, {"dataset", r.dataset}, {"out", r.out}, {"run", r.run}}; }

/// Held-out prompts: the dataset that was named, else the run's own, else none.
fs::path datasetFolder(const fs::path& root, const exports::Student& student) {
  std::error_code code;
  if (root.empty() || !student.dataset.is_object() || !student.dataset.contains("id") || !student.dataset["id"].is_string()) return {};
  const auto folder = root / "datasets" / student.dataset["id"].get<std::string>();
  return fs::exists(folder / "test.jsonl", code) ? folder : fs::path();
}

Result<exports::Exported> make(const Request& request, const fs::path& root, std::stop_token stop, const ProgressFn& progress) {
  exports::ExportOptions options;
  RETORT_TRY(options.targets, exports::parseTargets(request.to));
  RETORT_TRY(const auto student, exports::findStudent(root, request.student));
  options.workspace = root;
  options.out = request.out;
  options.verify.run = request.run;
  options.verify.progress = progress;
  options.verify.stop = stop;
  options.verify.dataset = datasetFolder(root, student);
  if (!request.dataset.empty() && !root.empty()) {
    RETORT_TRY(const auto workspace, Workspace::open(root));
    RETORT_TRY(const auto dataset, data::loadDataset(workspace, request.dataset));
    options.verify.dataset = dataset.folder;
  }
  return exports::exportStudent(student, options);
}

Json resultOf(const exports::Exported& made) {
  Json verdicts = Json::array();
  for (const auto& verdict : made.verdicts) verdicts.push_back(verdict.toJson());
  return {{"id", made.id}, {"folder", made.folder.string()}, {"verified", made.verified()}, {"exports", made.summary()}, {"artefacts", verdicts}};
}

/// Checks of each file as lines; the exit code that fits.
int report(const Context& context, const std::vector<exports::Verdict>& verdicts, const fs::path& folder) {
  bool undecided = true, all = true;
  for (const auto& verdict : verdicts) {
    context.print(fill("{}  {}  {}", {verdict.verified() ? "verified" : verdict.undecided ? "undecided" : "NOT verified", verdict.format, (folder / verdict.path).string()}));
    for (const auto& check : verdict.checks) context.print(fill("  {} {}: {}", {check.ok ? "ok " : "RED", check.name, check.detail}));
    if (verdict.greedy && verdict.greedy->firstDifference.is_object()) context.print("  first differing token: " + verdict.greedy->firstDifference.dump());
    if (!verdict.verified()) all = false, undecided = undecided && verdict.undecided;
  }
  return all ? done : undecided ? gateUndecided : gateFailed;
}

/// What would be written, and whether it fits; nothing is.
int printPlan(Context& context, const Request& request, const fs::path& root) {
  const auto targets = exports::parseTargets(request.to);
  if (!targets.ok()) return context.fail(targets.error());
  const auto student = exports::findStudent(root, request.student);
  if (!student.ok()) return context.fail(student.error());
  const auto plan = exports::planExport(*student, *targets);
  if (!plan.ok()) return context.fail(plan.error());
  const fs::path where = request.out.empty() ? root : fs::absolute(request.out).parent_path();
  const auto free = freeSpace(where);
  for (const auto& planned : plan->targets) {
    context.print(fill("{}  {}  {}", {planned.target.format(), planned.path, formatBytes(planned.bytes)}));
    for (const auto& note : planned.notes) context.print("  " + note);
  }
  const bool fits = !free.ok() || plan->bytes <= *free;
  context.print(fill("{} in all; {} free in {}{}", {formatBytes(plan->bytes), free.ok() ? formatBytes(*free) : std::string("an unknown amount"), where.string(), fits ? "" : ": it does not fit"}));
  Json json = plan->toJson();
  json["free"] = free.ok() ? Json(*free) : Json(nullptr);
  json["fits"] = fits;
  context.printJson(json);
  return fits ? int(done) : int(failed);
}

int exportVerb(Context& context, const Args& args) {
  if (args.positional().empty() || args.positional().size() > 2 || !args.has("--to")) return context.usage("export needs a run or model, --to, and at most one folder");
  Request request{args.positional()[0], args.get("--to"), args.get("--dataset"), args.positional().size() == 2 ? args.positional()[1] : std::string(), !args.has("--no-run")};
  const auto found = findWorkspace(context.workspaceArg);
  const fs::path root = found.ok() ? *found : fs::path();
  if (root.empty() && (request.out.empty() || !request.dataset.empty() || !context.workspaceArg.empty())) return context.fail(found.error());
  if (args.has("--plan")) return printPlan(context, request, root);
  if (args.has("--detach")) {
    const auto workspace = context.workspace();
    if (!workspace.ok()) return context.fail(workspace.error());
    if (!request.out.empty()) request.out = fs::absolute(request.out).string();
    const auto id = job::createJob(workspace->jobs(), {{"schema", "retort.job/1"}, {"kind", "export"}, {"name", "Export " + request.student}, {"params", paramsOf(request)}});
    if (!id.ok()) return context.fail(id.error());
    if (auto started = run::ensureSupervisor(*workspace); !started.ok()) return context.fail(started.error());
    context.print("Started job " + *id);
    context.printJson({{"id", *id}});
    return done;
  }
  const auto made = make(request, root, context.stop, context.progress());
  if (!made.ok()) return context.fail(made.error());
  const int exit = report(context, made->verdicts, made->folder);
  context.print("Exported to " + made->folder.string());
  context.printJson(resultOf(*made));
  return exit;
}

int verifyVerb(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("export verify needs an export's folder or one of its files");
  exports::VerifyOptions options;
  options.run = !args.has("--no-run");
  options.progress = context.progress();
  options.stop = context.stop;
  fs::path path = args.positional()[0];
  // An id of this workspace's exports serves as well as a path.
  std::error_code code;
  if (const auto root = findWorkspace(context.workspaceArg); root.ok() && !fs::exists(path, code) && fs::exists(*root / "exports" / path, code)) path = *root / "exports" / path;
  const auto verdicts = exports::verifyFolder(path, options);
  if (!verdicts.ok()) return context.fail(verdicts.error());
  const int exit = report(context, *verdicts, fs::is_directory(path, code) ? path : path.parent_path());
  Json list = Json::array();
  for (const auto& verdict : *verdicts) list.push_back(verdict.toJson());
  context.printJson({{"verified", exports::allVerified(*verdicts)}, {"artefacts", list}});
  return exit;
}

int listVerb(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  Json out = Json::array();
  for (const auto& entry : exports::listExports(workspace->root())) {
    context.print(fill("{}  {}  {}  {}  {}", {entry.id, entry.name, join(entry.formats, ","), formatBytes(entry.bytes), entry.verified ? "verified" : "NOT verified"}));
    out.push_back({{"id", entry.id}, {"name", entry.name}, {"run", entry.run}, {"created", entry.created}, {"formats", entry.formats}, {"bytes", entry.bytes}, {"verified", entry.verified}});
  }
  context.printJson({{"exports", out}});
  return done;
}

Result<Json> execJob(JobContext& context) {
  Request request;
  ObjectReader reader(context.params, "spec.json: params");
  reader.required("student", request.student).required("to", request.to).optional("dataset", request.dataset).optional("out", request.out).optional("run", request.run);
  RETORT_CHECK(reader.finish());
  RETORT_TRY(const auto made, make(request, context.workspace.root(), context.stop, context.progress));
  return resultOf(made);
}

const Registration r1{{"export", "", "export RUN|MODEL --to hf,adapter,gguf:TYPE,… [--dataset D] [--plan] [OUT]", "Writes a student for use elsewhere and verifies every file.",
                       {{"--to", "FORMATS", "hf[:f16|:f32], adapter, gguf-adapter, bedrock-import, and gguf: or ollama: with f32|f16|bf16|q8_0|q6_k|q5_k_m|q5_1|q5_0|q4_k_m|q4_k_s|q4_1|q4_0|q3_k_m|q2_k"}, {"--dataset", "D", "whose test rows are the held-out prompts; else the run's own"},
                        {"--no-run", "", "leaves out the greedy answers (the gate stays undecided)"}, {"--plan", "", "prints files, sizes and free space, and writes nothing"}, {"--detach", "", "starts a job and returns"}}, exportVerb}};
const Registration r2{{"export", "verify", "export verify DIR|FILE [--no-run]", "Checks an export wherever it was copied, by its own card.",
                       {{"--no-run", "", "leaves out the greedy answers"}}, verifyVerb}};
const Registration r3{{"export", "list", "export list", "Lists the exports of the workspace.", {}, listVerb}};
const JobRegistration executor{"export", execJob};

}  // namespace
}  // namespace retort::cli

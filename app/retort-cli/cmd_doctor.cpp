// `doctor`: what is installed, which devices, what is wrong and how to mend it.
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "base/subprocess.h"
#include "base/version.h"
#include "data/folder_index.h"
#include "data/purge.h"
#include "job/job_folder.h"
#include "job/worker.h"
#include "models/library.h"
#include "run/run_list.h"

namespace retort::cli {
namespace {

/// Below this a run of a small model or an export may not end well.
constexpr std::uint64_t kLowDisk = 2'000'000'000;

/// One line of the report: "ok", "note" (something optional is absent) or "wrong", with what to do about it.
struct Finding {
  std::string thing, state, text, next;
};

class Doctor {
 public:
  explicit Doctor(const Context& context) : m_context(context) {}

  void examine() {
    add("Retort", "ok", RETORT_VERSION " (" + ownProgram().string() + "), " + std::to_string(std::thread::hardware_concurrency()) + " processors");
    resources();
    worker();
    userData();
    modelsKnown();
    workspace();
  }

  int report() const {
    Json list = Json::array();
    int wrong = 0;
    for (const auto& f : m_findings) {
      wrong += f.state == "wrong";
      m_context.print((f.state == "ok" ? "ok     " : f.state == "note" ? "note   " : "WRONG  ") + f.thing + ": " + f.text);
      if (!f.next.empty()) m_context.print("         " + f.next);
      list.push_back({{"thing", f.thing}, {"state", f.state}, {"text", f.text}, {"next", f.next}});
    }
    m_context.print(wrong == 0 ? "Nothing is wrong." : formatCount(wrong) + (wrong == 1 ? " thing is" : " things are") + " wrong.");
    m_context.printJson({{"version", RETORT_VERSION}, {"wrong", wrong}, {"findings", list}});
    return wrong == 0 ? done : failed;
  }

 private:
  void add(std::string thing, std::string state, std::string text, std::string next = {}) { m_findings.push_back({std::move(thing), std::move(state), std::move(text), std::move(next)}); }

  /// An error becomes a finding: its sentence, and its next step on a line of its own.
  void add(std::string thing, Error error) {
    std::string next = std::move(error.next);
    error.next.clear();
    add(std::move(thing), "wrong", error.text(), std::move(next));
  }

  void resources() {
    const auto folder = resourcesFolder();
    if (folder.ok()) add("Resources", "ok", folder->string());
    else add("Resources", folder.error());
  }

  /// The worker's own self-test says libtorch's version and the device; its failure is a sentence already.
  void worker() {
    const auto command = job::workerCommand({"selftest", "--quick", "--json"});
    if (!command.ok()) return add("Worker", command.error());
    const auto program = command->program;
    const auto tested = runCommand(*command, {}, m_context.stop);
    if (!tested.ok()) return add("Worker", tested.error());
    const auto json = parseJson(tested->out, "selftest");
    if (!json.ok()) {
      constexpr std::string_view prefix = "retort-worker: ";
      std::string said(trimmed(tested->err));
      if (said.starts_with(prefix)) said.erase(0, prefix.size());
      return add("Worker", "wrong", program.string() + ": " + (said.empty() ? "it ended with code " + std::to_string(tested->exitCode) + " and said nothing" : shown(said)),
                 "Models can be neither trained nor asked until this is mended: run packaging/setup.");
    }
    const auto find = runCommand({program, {"--find"}, {}, {}, {}}, {}, m_context.stop);
    add("Worker", "ok", program.string());
    add("libtorch", "ok", json->value("torch", std::string("unknown version")) + (find.ok() ? " in " + std::string(trimmed(find->out)) : std::string()));
    const std::int64_t bad = json->value("failed", std::int64_t{0});
    add("Device", bad == 0 ? "ok" : "wrong",
        json->value("device", std::string()) + " (" + json->value("name", std::string()) + "), " + std::to_string(json->value("threads", 0)) + " threads" +
            (bad == 0 ? ", every check of the self-test passed" : ", " + formatCount(bad) + " checks of the self-test failed"),
        bad == 0 ? "" : "See them with: retort-worker selftest");
    if (const auto problem = json->value("cuda_problem", std::string()); !problem.empty()) add("CUDA", "note", "not used: " + shown(problem), "The processor computes. With a GPU, run: packaging/setup --cuda");
  }

  void disk(const std::string& thing, fs::path folder) {
    std::error_code code;
    while (!fs::exists(folder, code) && folder.has_relative_path()) folder = folder.parent_path();
    const auto free = freeSpace(folder);
    if (!free.ok()) return add(thing, free.error());
    add(thing, *free < kLowDisk ? "wrong" : "ok", formatBytes(*free) + " free in " + folder.string(), *free < kLowDisk ? "Free some space: runs keep checkpoints, exports copy the weights." : "");
  }

  void userData() {
    const auto folder = userDataFolder();
    std::error_code code;
    if (fs::exists(folder, code) && ::access(folder.c_str(), W_OK) != 0)
      add("User data", "wrong", folder.string() + " cannot be written", "Give yourself the right to write there, or set RETORT_DATA_HOME to another folder.");
    disk("Disk of the user's data", folder);
  }

  void modelsKnown() {
    const auto root = findWorkspace(m_context.workspaceArg);
    std::vector<std::string> names;
    for (const auto& entry : models::Library(root.ok() ? *root : fs::path()).list()) {
      if (entry.format.empty()) add("Model " + entry.name, "wrong", "its files are gone: " + entry.path.string(), "Put them back, or add the model again: retort-cli model add PATH");
      else names.push_back(entry.name);
    }
    if (names.empty()) add("Models", "wrong", "there is none, not even the built-in one", "Install the resources again: run packaging/setup.");
    else add("Models", "ok", join(names, ", "));
    if (std::find(names.begin(), names.end(), "SmolLM2-135M-Instruct") == names.end())
      add("Sample model", "note", "SmolLM2-135M-Instruct is absent: the demo uses the built-in tiny model", "With a network, packaging/setup fetches it.");
  }

  void workspace() {
    const auto root = findWorkspace(m_context.workspaceArg);
    if (!root.ok()) return m_context.workspaceArg.empty() ? add("Workspace", "note", "none here", "Make one with: retort-cli init DIR") : add("Workspace", root.error());
    const auto opened = Workspace::open(*root);
    if (!opened.ok()) return add("Workspace", opened.error());
    if (opened->isReadOnly()) {
      const auto why = opened->requireWritable();
      add("Workspace", why.error());
    } else {
      add("Workspace", "ok", opened->name() + " (" + opened->root().string() + ")");
    }
    disk("Disk of the workspace", opened->root());
    if (!opened->isReadOnly()) purges(*opened);
    std::vector<Error> problems;
    std::size_t runs = 0, jobs = 0;
    const auto look = [&](const char* noun, const std::string& id, const job::State& state) {
      if (state.phase == job::Phase::interrupted)
        add(std::string(noun) + " " + id, "wrong", "was interrupted: its process is gone", std::string("Go on with: retort-cli ") + (*noun == 'R' ? "run" : "job") + " resume " + id);
      else if (state.phase == job::Phase::failed)
        add(std::string(noun) + " " + id, "note", "failed" + (state.error.is_object() ? ": " + job::errorFromJson(state.error).text() : std::string()));
    };
    for (const auto& r : run::listRuns(*opened, &problems)) look("Run", r.id, r.state), ++runs;
    for (const auto& j : run::listJobs(*opened, &problems)) look("Job", j.id, j.state), ++jobs;
    for (const auto& problem : problems) add("Workspace", problem);
    add("Work", "ok", formatCount(static_cast<std::int64_t>(runs)) + " runs, " + formatCount(static_cast<std::int64_t>(jobs)) + " jobs");
  }

  /// What somebody asked to be forgotten does not wait for another command.
  void purges(const Workspace& workspace) {
    const auto finished = data::finishPurges(workspace, m_context.stop, m_context.progress());
    if (!finished.ok()) return add("Purge", finished.error());
    if (finished->resumed > 0) add("Purge", "ok", "one of " + formatCount(finished->resumed) + " records had been cut off and is finished now");
  }

  const Context& m_context;
  std::vector<Finding> m_findings;
};

int doctor(Context& context, const Args& args) {
  if (!args.positional().empty()) return context.usage("doctor takes no words, only options");
  if (args.has("--reindex")) {
    const auto workspace = context.workspace();
    if (!workspace.ok()) return context.fail(workspace.error());
    const auto folders = data::reindexFolders(*workspace);
    if (!folders.ok()) return context.fail(folders.error());
    context.print("Indexed " + formatCount(*folders) + " folders of " + workspace->root().string());
    context.printJson({{"workspace", workspace->root().string()}, {"reindexed", true}, {"folders", *folders}});
    return done;
  }
  Doctor doctor(context);
  doctor.examine();
  return doctor.report();
}

const Registration r{{"doctor", "", "doctor [--reindex]", "Says what is installed, which devices there are, what is wrong and how to mend it; exit code 1 when something is wrong.",
                      {{"--reindex", "", "rebuild the index of the workspace's folders"}}, doctor}};

}  // namespace
}  // namespace retort::cli

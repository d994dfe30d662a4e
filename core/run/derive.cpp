// Extending and forking: a new folder with a hard-linked checkpoint, the curve up to it, and a spec of its own.
#include "run/derive.h"

#include <algorithm>
#include <charconv>

#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "job/job_folder.h"
#include "run/run_list.h"
#include "run/supervisor.h"

namespace retort::run {
namespace {

std::vector<std::int64_t> checkpointsOf(const fs::path& run) {
  std::vector<std::int64_t> steps;
  std::error_code code;
  for (fs::directory_iterator it(run / "checkpoints", code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    std::int64_t step = 0;
    const auto [at, ec] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (ec == std::errc() && at == name.data() + name.size()) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

/// Hard links where the file system has them, copies elsewhere.
Status linkFolder(const fs::path& from, const fs::path& to) {
  RETORT_CHECK(makeFolders(to));
  std::error_code code;
  for (fs::directory_iterator it(from, code), end; !code && it != end; it.increment(code)) {
    std::error_code failed;
    fs::create_hard_link(it->path(), to / it->path().filename(), failed);
    if (failed) fs::copy_file(it->path(), to / it->path().filename(), code);
  }
  if (code) return Error{"run.derive.copy", "A checkpoint cannot be taken over", from.string(), code.message(), "free space there, or check who may write", {}, {}};
  return {};
}

/// The parent's numbers up to `step`, so that the new run's curve is whole.
Status copyCurve(const fs::path& from, const fs::path& to, std::int64_t step) {
  RETORT_TRY(const auto events, job::readEvents(from));
  std::string text;
  std::int64_t seq = 0;
  for (const auto& e : events) {
    if (e.type != "metric" && e.type != "eval" && e.type != "sample" && e.type != "level" && e.type != "labels") continue;
    if (e.body.contains("step") && numberOf(e.body["step"], 0) > static_cast<double>(step)) continue;
    Json line = e.body;
    line["seq"] = ++seq;
    line["attempt"] = 0;
    line["ts"] = e.ts;
    line["t"] = e.t;
    line["type"] = e.type;
    text += dumpJson(line) + "\n";
  }
  return writeFileAtomically(to / "events.jsonl", text);
}

Result<std::string> derive(const Workspace& workspace, const std::string& parentText, std::int64_t step, const std::function<Status(Json& spec, std::int64_t step)>& change) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const fs::path parent, findRun(workspace, parentText));
  const std::string parentId = parent.filename().string();
  RETORT_TRY(const auto state, job::observedState(parent));
  if (job::isActive(state.phase))
    return Error{"run.derive.running", "Run " + parentId + " is still at work", {}, "its checkpoints come and go", "Wait for its end, or stop it by: retort-cli run stop " + parentId, {}, {}};
  const auto steps = checkpointsOf(parent);
  if (steps.empty() || (step >= 0 && std::find(steps.begin(), steps.end(), step) == steps.end())) {
    std::string have;
    for (const auto s : steps) have += (have.empty() ? "" : ", ") + std::to_string(s);
    return Error{"run.derive.checkpoint", "Run " + parentId + " has no such checkpoint", (parent / "checkpoints").string(), steps.empty() ? "it has none" : "it has those of steps " + have,
                 steps.empty() ? "Start a new run" : "Choose one of them", {}, {}};
  }
  const std::int64_t at = step >= 0 ? step : steps.back();
  RETORT_TRY(const Json before, readJsonFile(parent / "spec.json", 4u << 20));
  RETORT_TRY(const auto old, job::runSpecFromJson(before, (parent / "spec.json").string()));
  Json spec = job::toJson(old);
  spec["parent"] = parentId;
  RETORT_CHECK(change(spec, at));
  RETORT_TRY(const auto checked, job::runSpecFromJson(spec, "spec"));
  // Made where no supervisor looks, and moved in whole.
  const fs::path making = workspace.runs() / ".derive";
  RETORT_CHECK(makeFolders(making));
  RETORT_TRY(const std::string id, job::createJob(making, job::toJson(checked)));
  RETORT_CHECK(linkFolder(parent / "checkpoints" / std::to_string(at), making / id / "checkpoints" / std::to_string(at)));
  RETORT_CHECK(copyCurve(parent, making / id, at));
  std::error_code code;
  for (fs::directory_iterator it(parent, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("reference-")) fs::copy_file(it->path(), making / id / name, code);
    if (name == "rollouts") fs::copy(it->path(), making / id / name, fs::copy_options::recursive, code);
  }
  RETORT_CHECK(writeJsonFile(making / id / "derived.json", {{"schema", "retort.derived/1"}, {"parent", parentId}, {"step", at}, {"spec", sha256Hex(dumpJson(job::toJson(old)))}}));
  fs::rename(making / id, workspace.runs() / id, code);
  if (code) return Error{"run.derive.move", "The new run cannot be put in its place", (workspace.runs() / id).string(), code.message(), "Check who may write there", {}, {}};
  RETORT_CHECK(ensureSupervisor(workspace));
  return id;
}

}  // namespace

Result<std::string> extendRun(const Workspace& workspace, const std::string& parent, std::int64_t steps) {
  if (steps <= 0) return Error{"run.derive.steps", "A run is extended by a number of steps above 0", "--steps", {}, {}, {}, {}};
  return derive(workspace, parent, -1, [&](Json& spec, std::int64_t at) -> Status {
    // Whatever decided the length before, it is now what was done plus `steps`.
    std::int64_t others = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < spec["methods"].size(); ++i)
      if (!spec["methods"][i].value("together", false)) last = i;
    for (std::size_t i = 0; i < last; ++i) {
      if (spec["methods"][i].value("together", false)) continue;
      if (spec["methods"][i]["steps"].get<std::int64_t>() <= 0)
        return Error{"run.derive.steps", "This run cannot be extended", "methods", "an earlier method's steps are given in epochs", "Fork it with methods." + std::to_string(i) + ".steps set", {}, {}};
      others += spec["methods"][i]["steps"].get<std::int64_t>();
    }
    spec["methods"][last]["steps"] = at - others + steps;
    spec["methods"][last]["epochs"] = 0.0;
    return {};
  });
}

Result<std::string> forkRun(const Workspace& workspace, const std::string& parent, std::int64_t step, const std::vector<std::string>& assignments, const std::string& name) {
  return derive(workspace, parent, step, [&](Json& spec, std::int64_t) -> Status {
    const Json before = spec;
    for (const auto& a : assignments) RETORT_CHECK(job::setField(spec, a));
    for (const char* fixed : {"student", "data", "seed"})
      if (spec[fixed] != before[fixed])
        return Error{"run.derive.field", "A fork cannot change " + std::string(fixed), fixed, "the checkpoint's weights and the order of its rows belong to the old one", "Start a new run for that", {}, {}};
    if (!name.empty()) spec["name"] = name;
    return {};
  });
}

}  // namespace retort::run

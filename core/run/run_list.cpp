// Reading run and job folders into summaries.
#include "run/run_list.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/ids.h"

namespace retort::run {
namespace {

std::string nameIn(const fs::path& folder) {
  const auto spec = readJsonFile(folder / "spec.json");
  return spec.ok() && spec->is_object() && spec->contains("name") && (*spec)["name"].is_string() ? (*spec)["name"].get<std::string>() : std::string();
}

/// Lowest validation NLL among the eval events; reads the file once, cheap for the sizes of these logs.
std::optional<double> bestNllOf(const fs::path& folder) {
  const auto events = job::readEvents(folder);
  std::optional<double> best;
  if (!events.ok()) return best;
  for (const auto& e : *events) {
    if (e.type != "eval" || !e.body.contains("nll")) continue;
    const double nll = numberOf(e.body["nll"], std::nan(""));
    if (std::isfinite(nll) && (!best || nll < *best)) best = nll;
  }
  return best;
}

template <typename T, typename Read>
std::vector<T> listFolders(const fs::path& parent, std::vector<Error>* problems, Read read) {
  auto ids = listProducts(parent);
  std::vector<T> out;
  for (auto it = ids.rbegin(); it != ids.rend(); ++it) {
    auto item = read(*it);
    if (item.ok()) out.push_back(std::move(*item));
    else if (problems) problems->push_back(item.error());
  }
  return out;
}

}  // namespace

Result<RunSummary> runSummary(const Workspace& workspace, const std::string& id) {
  const fs::path folder = workspace.runs() / id;
  RunSummary s;
  s.id = id;
  RETORT_TRY(const Json json, readJsonFile(folder / "spec.json"));
  RETORT_TRY(const auto spec, job::runSpecFromJson(json, (folder / "spec.json").string()));
  RETORT_TRY(s.state, job::observedState(folder));
  s.name = spec.name;
  s.student = spec.student.model.name;
  s.dataset = spec.data.dataset;
  if (!spec.teachers.empty()) s.teacher = spec.teachers.front().model.name;
  std::vector<std::string> kinds;
  for (const auto& m : spec.methods) kinds.push_back(m.kind);
  s.method = join(kinds, ", ");
  s.bestNll = bestNllOf(folder);
  if (s.state.error.is_object()) s.error = job::errorFromJson(s.state.error).text();
  return s;
}

std::vector<RunSummary> listRuns(const Workspace& workspace, std::vector<Error>* problems) {
  return listFolders<RunSummary>(workspace.runs(), problems, [&](const std::string& id) { return runSummary(workspace, id); });
}

std::vector<JobSummary> listJobs(const Workspace& workspace, std::vector<Error>* problems) {
  return listFolders<JobSummary>(workspace.jobs(), problems, [&](const std::string& id) -> Result<JobSummary> {
    JobSummary s;
    s.id = id;
    const fs::path folder = workspace.jobs() / id;
    RETORT_TRY(const Json json, readJsonFile(folder / "spec.json"));
    ObjectReader r(json, (folder / "spec.json").string());
    r.required("kind", s.kind).optional("name", s.name);
    RETORT_CHECK(r.finish(true));
    RETORT_TRY(s.state, job::observedState(folder));
    return s;
  });
}

Result<fs::path> findRun(const Workspace& workspace, std::string_view text) {
  RETORT_TRY(const std::string id, resolveProduct(workspace.runs(), text, "run", [&](const std::string& i) { return nameIn(workspace.runs() / i); }));
  return workspace.runs() / id;
}

Result<fs::path> findJob(const Workspace& workspace, std::string_view text) {
  auto id = resolveProduct(workspace.jobs(), text, "job", [&](const std::string& i) { return nameIn(workspace.jobs() / i); });
  if (id.ok()) return workspace.jobs() / *id;
  if (auto run = findRun(workspace, text); run.ok()) return run;
  return std::move(id).error();
}

}  // namespace retort::run

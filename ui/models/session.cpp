// An open workspace as the pages share it: see session.h.
#include "ui/models/session.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/ids.h"
#include "job/job_folder.h"
#include "run/metric_series.h"
#include "run/supervisor.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kLookMs = 500;
constexpr std::size_t kCurve = 60;
constexpr std::int64_t kSampleRecords = 3000;

std::vector<double> curveOf(const std::filesystem::path& folder) {
  auto series = run::readMetrics(folder);
  if (!series.ok()) return {};
  const auto& chosen = (*series)["val.nll"].size() >= 2 ? (*series)["val.nll"] : (*series)["loss"];
  std::vector<double> out;
  const std::size_t n = chosen.size(), wanted = std::min(n, kCurve);
  for (std::size_t i = 0; i < wanted; ++i) out.push_back(chosen[wanted > 1 ? i * (n - 1) / (wanted - 1) : 0].value);
  return out;
}

std::string printOf(const job::State& s) {
  return std::string(job::phaseName(s.phase)) + '/' + std::to_string(s.step) + '/' + std::to_string(s.of) + '/' + std::to_string(s.updated) + '/' + s.stage;
}
std::string printOf(const std::vector<RunEntry>& runs) {
  std::string out;
  for (const auto& r : runs) out += r.summary.id + printOf(r.summary.state) + r.summary.name + std::to_string(r.summary.bestNll.value_or(-1)) + '/' + std::to_string(r.curve.size()) + ';';
  return out;
}
std::string printOf(const std::vector<run::JobSummary>& jobs) {
  std::string out;
  for (const auto& j : jobs) out += j.id + printOf(j.state) + ';';
  return out;
}

std::vector<std::string> newestFirst(const std::filesystem::path& folder) {
  std::vector<std::string> ids = listProducts(folder);
  std::reverse(ids.begin(), ids.end());
  return ids;
}

}  // namespace

// What the looking thread remembers between looks; only one look is under way at a time.
struct Session::Watch {
  struct Known {
    std::filesystem::file_time_type stateTime{};
    std::uintmax_t eventBytes = 0;
    RunEntry entry;
  };
  Workspace workspace;
  std::map<std::string, Known> runs;
  std::shared_ptr<logs::LogStore> store;

  explicit Watch(Workspace w) : workspace(std::move(w)) {}
  Inventory look();
  std::optional<Error> lookAtLogs(bool& grew);
};

Inventory Session::Watch::look() {
  Inventory out;
  for (const std::string& id : newestFirst(workspace.runs())) {
    const auto folder = workspace.runs() / id;
    std::error_code ignored;
    const auto time = std::filesystem::last_write_time(folder / "state.json", ignored);
    const auto bytes = std::filesystem::file_size(folder / "events.jsonl", ignored);
    Known& known = runs[id];
    // A run that ended and did not change is not read again; others are, because a free lock changes what they are.
    const bool same = known.stateTime == time && known.eventBytes == bytes && job::isFinal(known.entry.summary.state.phase) && !known.entry.summary.id.empty();
    if (!same) {
      auto summary = run::runSummary(workspace, id);
      if (!summary.ok()) {
        out.problems.push_back(summary.error());
        continue;
      }
      if (known.eventBytes != bytes || known.entry.curve.empty()) known.entry.curve = curveOf(folder);
      known.entry.summary = std::move(*summary);
      known.stateTime = time, known.eventBytes = bytes;
    }
    out.runs.push_back(known.entry);
  }
  out.jobs = run::listJobs(workspace, &out.problems);
  out.datasets = newestFirst(workspace.datasets());
  out.reports = newestFirst(workspace.reports());
  out.exports = newestFirst(workspace.exports());
  return out;
}

std::optional<Error> Session::Watch::lookAtLogs(bool& grew) {
  grew = false;
  std::error_code ignored;
  if (!store) {
    if (!std::filesystem::exists(workspace.logsDb(), ignored)) return {};
    auto opened = logs::LogStore::open(workspace.logsDb());
    if (!opened.ok()) return opened.error().code == "logs.none" ? std::optional<Error>() : opened.error();
    store = std::move(*opened);
    grew = true;
    return {};
  }
  auto changed = store->refresh();
  if (!changed.ok()) return changed.error();
  grew = *changed;
  return {};
}

Session::Session(Workspace workspace, QObject* parent)
    : QObject(parent), m_workspace(std::move(workspace)), m_watch(std::make_shared<Watch>(m_workspace)) {
  m_timer.setInterval(kLookMs);
  connect(&m_timer, &QTimer::timeout, this, &Session::refresh);
  m_timer.start();
  refresh();
}

Session::~Session() = default;

void Session::refresh() {
  if (m_looking) {
    m_again = true;
    return;
  }
  m_looking = true;
  struct Look {
    Inventory inventory;
    std::shared_ptr<logs::LogStore> store;
    std::optional<Error> error;
    bool grew = false;
  };
  runAsync(queryPool(), this, [watch = m_watch] {
    Look look;
    look.inventory = watch->look();
    look.error = watch->lookAtLogs(look.grew);
    look.store = watch->store;
    return look;
  }, [this](Look look) { take(std::move(look.inventory), std::move(look.store), std::move(look.error), look.grew); });
}

void Session::take(Inventory inventory, std::shared_ptr<logs::LogStore> logs, std::optional<Error> logsError, bool logsGrew) {
  m_looking = false;
  const bool first = !m_loaded;
  m_loaded = true;
  const Inventory before = std::exchange(m_inventory, std::move(inventory));
  const bool logsNew = logsGrew || m_logs != logs || logsError.has_value() != m_logsError.has_value();
  m_logs = std::move(logs);
  m_logsError = std::move(logsError);
  if (first || printOf(before.runs) != printOf(m_inventory.runs)) Q_EMIT runsChanged();
  if (first || printOf(before.jobs) != printOf(m_inventory.jobs)) Q_EMIT jobsChanged();
  if (first || before.datasets != m_inventory.datasets) Q_EMIT datasetsChanged();
  if (first || before.reports != m_inventory.reports) Q_EMIT reportsChanged();
  if (first || before.exports != m_inventory.exports) Q_EMIT exportsChanged();
  if (first || logsNew) Q_EMIT logsChanged();
  if (first) Q_EMIT loaded();
  if (first) wakeSupervisor();
  if (std::exchange(m_again, false)) refresh();
}

// Work that was queued when the machine went down has nobody who would start it.
void Session::wakeSupervisor() {
  const auto waits = [](const job::State& s) { return s.phase == job::Phase::queued; };
  const bool any = std::any_of(m_inventory.runs.begin(), m_inventory.runs.end(), [&](const RunEntry& r) { return waits(r.summary.state); }) ||
                   std::any_of(m_inventory.jobs.begin(), m_inventory.jobs.end(), [&](const run::JobSummary& j) { return waits(j.state); });
  if (any && !m_workspace.isReadOnly()) runAsync(queryPool(), this, [workspace = m_workspace] { return run::ensureSupervisor(workspace); }, [](const Status&) {});
}

const run::JobSummary* Session::unfinished(const std::vector<std::string>& kinds) const {
  for (const auto& j : m_inventory.jobs)
    if (!job::isFinal(j.state.phase) && std::find(kinds.begin(), kinds.end(), j.kind) != kinds.end()) return &j;
  return nullptr;
}

void Session::importLogs(const QStringList& paths, QObject* context, Started then) {
  Json sources = Json::array();
  for (const QString& path : paths) sources.push_back(ss(path));
  const std::string name = paths.size() == 1 ? std::filesystem::path(ss(paths.front())).filename().string() : ss(tr("%n sources", nullptr, static_cast<int>(paths.size())));
  startJob("import", name, {{"sources", sources}}, context, std::move(then));
}

void Session::importSample(QObject* context, Started then) { startJob("sample", ss(tr("sample logs")), {{"records", kSampleRecords}}, context, std::move(then)); }

void Session::startJob(const std::string& kind, const std::string& name, const Json& params, QObject* context, Started then) {
  Json spec = {{"schema", "retort.job/1"}, {"kind", kind}, {"name", name}, {"params", params}};
  runAsync(queryPool(), context, [workspace = m_workspace, spec]() -> Result<std::string> {
    RETORT_CHECK(workspace.requireWritable());
    RETORT_TRY(std::string id, job::createJob(workspace.jobs(), spec));
    RETORT_CHECK(run::ensureSupervisor(workspace));
    return id;
  }, [guard = QPointer<Session>(this), then = std::move(then)](Result<std::string> id) {
    if (guard) guard->refresh();
    then(std::move(id));
  });
}

void Session::control(const std::filesystem::path& folder, const std::string& word, QObject* context, std::function<void(Status)> then) {
  runAsync(queryPool(), context, [workspace = m_workspace, folder, word]() -> Status {
    RETORT_CHECK(workspace.requireWritable());
    RETORT_TRY(const job::State state, job::observedState(folder));
    if (word == "resume" && state.phase != job::Phase::paused && state.phase != job::Phase::waiting) {
      RETORT_CHECK(run::requeue(folder));
    } else {
      RETORT_CHECK(job::sendControl(folder, word));
    }
    return run::ensureSupervisor(workspace);
  }, [guard = QPointer<Session>(this), then = std::move(then)](Status status) {
    if (guard) guard->refresh();
    then(std::move(status));
  });
}

}  // namespace retort::ui

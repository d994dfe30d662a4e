// Job folders: state, events, control.
#include "job/job_folder.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ids.h"
#include "base/paths.h"
#include "base/subprocess.h"

namespace retort::job {
namespace {

constexpr std::array<std::string_view, 12> kPhases = {"queued", "preparing", "caching", "training", "evaluating", "saving",
                                                      "paused", "waiting", "interrupted", "stopped", "failed", "done"};

/// Cuts an incomplete last line, left by a crash; returns the greatest seq found in the last lines.
Result<std::int64_t> mendEvents(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return systemError("base.file.write", "written", path.string(), errno);
  struct stat info {};
  ::fstat(fd, &info);
  constexpr off_t kLook = 1 << 20;  // no single event is longer
  const off_t from = std::max<off_t>(0, info.st_size - kLook);
  std::string tail(static_cast<std::size_t>(info.st_size - from), '\0');
  const ssize_t n = ::pread(fd, tail.data(), tail.size(), from);
  if (n < 0 || static_cast<std::size_t>(n) != tail.size()) {
    const int reason = errno;
    ::close(fd);
    return systemError("base.file.read", "read", path.string(), reason);
  }
  std::int64_t seq = 0;
  if (!tail.empty() && tail.back() != '\n') {
    const auto last = tail.rfind('\n');
    const std::size_t keep = last == std::string::npos ? 0 : last + 1;
    if (::ftruncate(fd, from + static_cast<off_t>(keep)) != 0) {
      const int reason = errno;
      ::close(fd);
      return systemError("base.file.write", "written", path.string(), reason);
    }
    tail.resize(keep);
  }
  ::close(fd);
  for (std::size_t start = 0; start < tail.size();) {
    const std::size_t end = tail.find('\n', start);
    if (const auto event = parseEvent(std::string_view(tail).substr(start, end - start))) seq = std::max(seq, event->seq);
    start = end + 1;
  }
  return seq;
}

}  // namespace

std::string_view phaseName(Phase phase) { return kPhases[static_cast<std::size_t>(phase)]; }

std::optional<Phase> phaseFromName(std::string_view name) {
  for (std::size_t i = 0; i < kPhases.size(); ++i)
    if (kPhases[i] == name) return static_cast<Phase>(i);
  return {};
}

bool isFinal(Phase p) { return p == Phase::stopped || p == Phase::failed || p == Phase::done; }

bool isActive(Phase p) {
  return p == Phase::preparing || p == Phase::caching || p == Phase::training || p == Phase::evaluating || p == Phase::saving || p == Phase::paused || p == Phase::waiting;
}

Json toJson(const Error& e) {
  Json args = Json::object();
  for (const auto& [k, v] : e.args) args[k] = v;
  return {{"code", e.code}, {"what", e.what}, {"where", e.where}, {"why", e.why}, {"next", e.next}, {"detail", e.detail}, {"args", args}};
}

Error errorFromJson(const Json& json) {
  const auto text = [&](const char* key) { return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string(); };
  Error e{text("code"), text("what"), text("where"), text("why"), text("next"), text("detail"), {}};
  if (json.is_object() && json.contains("args") && json["args"].is_object())
    for (const auto& [k, v] : json["args"].items())
      if (v.is_string()) e.args.emplace_back(k, v.get<std::string>());
  return e;
}

Json toJson(const State& s) {
  return {{"schema", "retort.state/1"}, {"phase", phaseName(s.phase)}, {"stage", s.stage}, {"step", s.step}, {"of", s.of}, {"attempt", s.attempt},
          {"started", s.started}, {"updated", s.updated}, {"seconds_left", s.secondsLeft}, {"host", s.host}, {"pid", s.pid}, {"pid_start", s.pidStart},
          {"resumable", s.resumable}, {"error", s.error}, {"extra", s.extra}};
}

Result<State> stateFromJson(const Json& json, std::string_view where) {
  State s;
  std::string phase;
  ObjectReader r(json, std::string(where));
  r.required("phase", phase).optional("stage", s.stage).optional("step", s.step).optional("of", s.of).optional("attempt", s.attempt);
  r.optional("started", s.started).optional("updated", s.updated).optional("seconds_left", s.secondsLeft).optional("host", s.host).optional("pid", s.pid);
  r.optional("pid_start", s.pidStart).optional("resumable", s.resumable).optional("error", s.error).optional("extra", s.extra);
  const auto parsed = phaseFromName(phase);
  if (!r.failed() && !parsed) r.fail("phase", "\"" + shown(phase) + "\" is unknown");
  RETORT_CHECK(r.finish(true));
  s.phase = *parsed;
  return s;
}

Result<State> readState(const fs::path& folder) {
  RETORT_TRY(const Json json, readJsonFile(folder / "state.json", 4u << 20));
  return stateFromJson(json, (folder / "state.json").string());
}

Result<State> observedState(const fs::path& folder) {
  RETORT_TRY(State state, readState(folder));
  if (isActive(state.phase) && !FileLock::isHeld(folder / "lock")) {
    RETORT_TRY(state, readState(folder));  // it may have ended between the two looks
    if (isActive(state.phase) && !FileLock::isHeld(folder / "lock")) state.phase = Phase::interrupted;
  }
  return state;
}

Status sendControl(const fs::path& folder, std::string_view word) {
  RETORT_CHECK(makeFolders(folder / "control"));
  return writeFileAtomically(folder / "control" / word, isoUtc(utcMicros()) + "\n");
}

JobFolder::JobFolder(fs::path path, FileLock lock, LineAppender events)
    : m_path(std::move(path)), m_lock(std::move(lock)), m_events(std::move(events)), m_started(monotonicSeconds()) {}

Result<JobFolder> JobFolder::open(const fs::path& folder) {
  const std::string text = hostName() + " " + std::to_string(::getpid()) + " " + isoUtc(utcMicros()) + "\n";
  RETORT_TRY(auto lock, FileLock::tryLock(folder / "lock", text));
  if (!lock) return Error{"job.folder.busy", folder.filename().string() + " is being worked on already", folder.string(), "another process holds its lock", {}, {}, {}};
  RETORT_TRY(const std::int64_t seq, mendEvents(folder / "events.jsonl"));
  RETORT_TRY(LineAppender events, LineAppender::open(folder / "events.jsonl"));
  RETORT_CHECK(makeFolders(folder / "control"));
  JobFolder job(folder, std::move(*lock), std::move(events));
  if (auto before = readState(folder); before.ok()) job.m_state = *before;
  job.m_seq = seq;
  job.m_state.phase = Phase::preparing;
  job.m_state.stage.clear();
  job.m_state.attempt += 1;
  if (job.m_state.started == 0) job.m_state.started = utcMillis();
  job.m_state.host = hostName();
  job.m_state.pid = ::getpid();
  job.m_state.pidStart = processStartTime(::getpid()).value_or(0);
  job.m_state.secondsLeft = -1;
  job.m_state.error = nullptr;
  RETORT_CHECK(job.writeState());
  RETORT_CHECK(job.event("phase", {{"phase", "preparing"}}));
  return job;
}

Status JobFolder::writeState() {
  m_state.updated = utcMillis();
  m_lastWrite = monotonicSeconds();
  return writeJsonFile(m_path / "state.json", toJson(m_state));
}

Status JobFolder::update(const std::function<void(State&)>& change, bool now) {
  const Phase before = m_state.phase;
  change(m_state);
  if (m_state.phase != before) {
    RETORT_CHECK(event("phase", {{"phase", phaseName(m_state.phase)}, {"stage", m_state.stage}}));
    return writeState();
  }
  return now || monotonicSeconds() - m_lastWrite > 0.25 ? writeState() : Status{};
}

Status JobFolder::event(std::string_view type, Json body) {
  Json line = {{"seq", ++m_seq}, {"attempt", m_state.attempt}, {"ts", utcMillis()}, {"t", monotonicSeconds() - m_started}, {"type", type}};
  for (auto& [key, value] : body.items()) line[key] = value.is_number_float() ? jsonNumber(value.get<double>()) : value;
  return m_events.append(dumpJson(line));
}

Status JobFolder::restartFrom(std::int64_t step) { return event("restart", {{"from_step", step}}); }

Status JobFolder::finish(Phase phase, const std::optional<Error>& error, Json extra) {
  if (error) RETORT_CHECK(event("error", {{"error", toJson(*error)}}));
  RETORT_CHECK(event(phase == Phase::done ? "done" : "phase", {{"phase", phaseName(phase)}}));
  RETORT_CHECK(m_events.sync());
  m_state.phase = phase;
  m_state.stage.clear();
  m_state.secondsLeft = phase == Phase::done ? 0 : -1;
  m_state.error = error ? toJson(*error) : Json(nullptr);
  if (!extra.is_null()) m_state.extra = std::move(extra);
  return writeState();
}

std::optional<std::string> JobFolder::takeControl() {
  constexpr std::array<std::string_view, 5> words = {"stop-discard", "stop-save", "pause", "resume", "evaluate-now"};
  std::optional<std::string> oldest;
  std::error_code error;
  fs::file_time_type when{};
  for (const auto word : words) {
    const auto time = fs::last_write_time(m_path / "control" / word, error);
    if (!error && (!oldest || time < when)) oldest = std::string(word), when = time;
  }
  if (oldest) {
    const fs::path file = m_path / "control" / *oldest;
    fs::rename(file, fs::path(file.string() + ".done"), error);
    if (error) return {};
  }
  return oldest;
}

Result<std::string> createJob(const fs::path& parent, const Json& spec) {
  std::string id;
  RETORT_CHECK(makeFolders(parent));
  RETORT_TRY(FolderInTheMaking folder, beginProduct(parent, id));
  RETORT_CHECK(makeFolders(folder.path() / "control"));
  RETORT_CHECK(writeJsonFile(folder.path() / "spec.json", spec));
  State state;
  state.updated = utcMillis();
  RETORT_CHECK(writeJsonFile(folder.path() / "state.json", toJson(state)));
  RETORT_CHECK(writeFileAtomically(folder.path() / "events.jsonl", ""));
  RETORT_CHECK(folder.commit());
  return id;
}

std::optional<Event> parseEvent(std::string_view line) {
  auto json = parseJson(line, "event");
  if (!json.ok() || !json->is_object()) return {};
  Event e;
  ObjectReader r(*json, "event");
  r.required("seq", e.seq).optional("attempt", e.attempt).optional("ts", e.ts).optional("t", e.t).required("type", e.type);
  if (!r.finish(true).ok()) return {};
  e.body = std::move(*json);
  return e;
}

Result<std::vector<Event>> readEvents(const fs::path& folder) {
  std::vector<Event> events;
  LineTail tail(folder / "events.jsonl");
  const auto stepOf = [](const Event& e) { return e.body.contains("step") && e.body["step"].is_number() ? e.body["step"].get<std::int64_t>() : std::int64_t{-1}; };
  for (;;) {
    RETORT_TRY(const std::size_t n, tail.poll([&](std::string_view line) {
      auto event = parseEvent(line);
      if (!event) return;
      if (event->type == "restart" && event->body.contains("from_step") && event->body["from_step"].is_number()) {
        const auto from = event->body["from_step"].get<std::int64_t>();
        std::erase_if(events, [&](const Event& e) { return stepOf(e) > from; });
      }
      events.push_back(std::move(*event));
    }));
    if (n == 0) return events;
  }
}

}  // namespace retort::job

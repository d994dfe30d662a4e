// The folder of a job or run: spec.json in; state.json, events.jsonl, control/ and results out (design section 5).
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace retort::job {

enum class Phase { queued, preparing, caching, training, evaluating, saving, paused, waiting, interrupted, stopped, failed, done };
[[nodiscard]] std::string_view phaseName(Phase phase);
[[nodiscard]] std::optional<Phase> phaseFromName(std::string_view name);
/// stopped, failed or done.
[[nodiscard]] bool isFinal(Phase phase);
/// A process should be holding the folder's lock in this phase (so: lock free = interrupted).
[[nodiscard]] bool isActive(Phase phase);

/// state.json, retort.state/1; replaced atomically by the lock's holder.
struct State {
  Phase phase = Phase::queued;
  std::string stage;                 ///< sentence-case words for the phase's current part
  std::int64_t step = 0, of = 0;
  int attempt = 0;                   ///< counts the starts of the process, from 1
  std::int64_t started = 0, updated = 0;  ///< UTC milliseconds; `updated` is also the heartbeat
  double secondsLeft = -1;
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t pidStart = 0;        ///< kernel start time of pid
  bool resumable = false;
  Json error;                        ///< toJson(Error), or null
  Json extra;                        ///< results in brief, by kind of job (object or null)
};
[[nodiscard]] Json toJson(const State& state);
Result<State> stateFromJson(const Json& json, std::string_view where);
[[nodiscard]] Json toJson(const Error& error);
[[nodiscard]] Error errorFromJson(const Json& json);

/// Reading side: windows, CLIs, the supervisor.
[[nodiscard]] Result<State> readState(const std::filesystem::path& folder);
/// The phase as others see it: an active phase whose lock is free is `interrupted`.
[[nodiscard]] Result<State> observedState(const std::filesystem::path& folder);
/// Adds a file to control/: "pause", "resume", "stop-save", "stop-discard", "evaluate-now".
Status sendControl(const std::filesystem::path& folder, std::string_view word);

/// Writing side: the one process that works on the folder. Holds `lock` for life.
class JobFolder {
 public:
  /// Takes the lock ("job.folder.busy" if somebody works on it), cuts a torn last line of events.jsonl, counts the attempt and
  /// writes state.json with phase preparing. `fromStep` >= 0 adds a "restart" event with from_step (readers then skip earlier
  /// lines of greater step).
  static Result<JobFolder> open(const std::filesystem::path& folder);
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] const State& state() const { return m_state; }
  /// Changes state.json; at most every 250 ms reaches the disk unless the phase changes or `now` is set.
  Status update(const std::function<void(State&)>& change, bool now = false);
  /// Appends an event: {"seq","attempt","ts","t","type", ...members of `body`}.
  Status event(std::string_view type, Json body = Json::object());
  Status restartFrom(std::int64_t step);
  /// Ends the job: state (final or interrupted/paused), an event of type done or error, both on disk.
  Status finish(Phase phase, const std::optional<Error>& error = {}, Json extra = nullptr);
  /// The oldest waiting control word, consumed by rename to *.done; nullopt when none.
  std::optional<std::string> takeControl();

 private:
  JobFolder(std::filesystem::path path, FileLock lock, LineAppender events);
  Status writeState();
  std::filesystem::path m_path;
  FileLock m_lock;
  LineAppender m_events;
  State m_state;
  std::int64_t m_seq = 0;
  double m_started = 0, m_lastWrite = -1;
};

/// Makes a job or run folder under `parent` with its spec (schema "retort.job/1" {"kind", "name", "params"} or retort.run/1) and
/// state queued; returns the id.
Result<std::string> createJob(const std::filesystem::path& parent, const Json& spec);

/// Events as a reader should see them: after a restart event with from_step, earlier lines of a greater step are dropped.
/// Feed it lines in order (from LineTail); ask for what is valid now.
struct Event {
  std::int64_t seq = 0;
  int attempt = 0;
  std::int64_t ts = 0;      ///< UTC ms
  double t = 0;             ///< monotonic seconds since the attempt's start
  std::string type;         ///< phase progress metric sample checkpoint eval restart warning error done
  Json body;
};
/// Parses one line; nullopt for a torn or foreign line.
[[nodiscard]] std::optional<Event> parseEvent(std::string_view line);
/// All valid events of a folder.
Result<std::vector<Event>> readEvents(const std::filesystem::path& folder);

}  // namespace retort::job

// What a run tells the world: state, events and a heartbeat, written from the training thread and a clock thread.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "job/job_folder.h"

namespace retort::engine {

class RunReporter {
 public:
  explicit RunReporter(job::JobFolder folder);
  ~RunReporter();
  RunReporter(const RunReporter&) = delete;
  RunReporter& operator=(const RunReporter&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder.path(); }
  Status event(std::string_view type, Json body);
  /// {"code","what","where","why"} of a problem that does not end the run.
  Status warning(const Error& error);
  Status phase(job::Phase phase, std::string stage);
  Status progress(std::int64_t step, std::int64_t of, double secondsLeft = -1);
  Status change(const std::function<void(job::State&)>& change, bool now = false);
  Status restartFrom(std::int64_t step);
  Status finish(job::Phase phase, const std::optional<Error>& error = {}, Json extra = nullptr);
  std::optional<std::string> takeControl();
  [[nodiscard]] int attempt();

 private:
  void beat();
  std::mutex m_mutex;
  std::condition_variable m_wake;
  bool m_stopping = false;
  job::JobFolder m_folder;
  std::thread m_heart;
};

}  // namespace retort::engine

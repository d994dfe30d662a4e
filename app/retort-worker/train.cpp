// retort-worker train DIR: trains the run of a folder (spec.json in; state, events, checkpoints and the student out).
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include "app/retort-worker/worker.h"
#include "base/files.h"
#include "base/log.h"
#include "engine/trainer.h"
#include "job/job_folder.h"

namespace retort::worker {
namespace {

std::atomic<bool> terminate{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void onSignal(int) { terminate.store(true, std::memory_order_relaxed); }

void installSignals() {
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaction(signal, &action, nullptr);
  std::signal(SIGHUP, SIG_IGN);          // closing a terminal stops nothing
  std::signal(SIGPIPE, SIG_IGN);
}

/// Logs go to worker.log, unless whoever started us has already sent stderr to a file.
void openLog(const fs::path& folder) {
  setLogLevel(LogLevel::info);
  if (!::isatty(STDERR_FILENO)) return;
  const int fd = ::open((folder / "worker.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  static std::FILE* file = ::fdopen(fd, "a");
  setLogSink([](LogLevel level, std::string_view category, std::string_view text) {
    constexpr const char* names[] = {"debug", "info", "warning", "error"};
    std::fprintf(file, "%s %.*s: %.*s\n", names[static_cast<int>(level)], static_cast<int>(category.size()), category.data(), static_cast<int>(text.size()), text.data());
    std::fflush(file);
  });
}

/// <workspace>/cache/logits of a run in <workspace>/runs/<id>; without a workspace, inside the run.
fs::path cacheRoot(const fs::path& folder) {
  const fs::path workspace = folder.parent_path().parent_path();
  std::error_code ignored;
  return (fs::exists(workspace / "workspace.json", ignored) ? workspace / "cache" : folder / "cache") / "logits";
}

Result<engine::TrainResult> train(const fs::path& folder, engine::RunReporter& reporter) {
  const std::string where = "spec.json";
  RETORT_TRY(const Json json, readJsonFile(folder / "spec.json"));
  RETORT_TRY(const job::RunSpec spec, job::runSpecFromJson(json, where));
  RETORT_CHECK(engine::requireSupportedSpec(spec));
  // Batches change their sizes at every step; what was compiled for old ones need not be kept for ever. The user's own value stays.
  ::setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "96", 0);
  engine::DeviceOptions options;
  options.device = spec.device;
  options.threads = spec.threads;
  options.deterministic = true;
  RETORT_TRY(const engine::Device device, engine::initialise(options));
  RETORT_CHECK(reporter.event("device", {{"device", device.text()}, {"name", device.name}, {"threads", device.threads}, {"torch", device.torchVersion}}));
  return engine::trainRun(spec, device, reporter, {cacheRoot(folder)}, terminate);
}

int run(const std::vector<std::string>& args) {
  Options options(args);
  if (const std::string problem = options.problem(); !problem.empty()) return usageError(problem);
  if (options.positions().size() != 1) return usageError("train takes one run folder");
  std::error_code code;
  const fs::path folder = fs::canonical(options.positions()[0], code);
  if (code) return fail(Error{"engine.run.missing", options.positions()[0] + " cannot be trained", {}, "there is no such folder", "make a run with `retort-cli run start`", code.message(), {}});
  installSignals();
  auto opened = job::JobFolder::open(folder);
  if (!opened.ok()) return fail(opened.error());
  openLog(folder);
  engine::RunReporter reporter(std::move(opened).value());
  const auto result = train(folder, reporter);
  Status ended;
  int exitCode = 0;
  if (!result.ok()) {
    const bool isInterrupted = isCancelled(result.error()) && terminate;
    ended = isInterrupted ? reporter.finish(job::Phase::interrupted) : reporter.finish(job::Phase::failed, result.error());
    exitCode = isInterrupted ? 4 : fail(result.error());
  } else {
    switch (result->outcome) {
      case engine::Outcome::done: ended = reporter.finish(job::Phase::done, {}, result->extra); break;
      case engine::Outcome::stopped: ended = reporter.finish(job::Phase::stopped, {}, result->extra); exitCode = 4; break;
      case engine::Outcome::discarded: ended = reporter.finish(job::Phase::stopped); exitCode = 4; break;
      case engine::Outcome::interrupted: ended = reporter.finish(job::Phase::interrupted); exitCode = 4; break;
    }
  }
  if (!ended.ok()) return fail(ended.error());
  return exitCode;
}

const Registration registration{{"train", "DIR", "train the run of a folder, or go on with it from its newest good checkpoint", run}};

}  // namespace
}  // namespace retort::worker

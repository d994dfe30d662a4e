// Child processes: short helpers talked to over pipes, and detached workers that outlive us.
#pragma once
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/result.h"

namespace retort {

struct Command {
  std::filesystem::path program;                               ///< absolute, or looked up in PATH
  std::vector<std::string> args;                               ///< without the program
  std::vector<std::pair<std::string, std::string>> env;        ///< added to, or replacing, the environment
  std::vector<std::string> unsetEnv;                           ///< removed from it
  std::filesystem::path workingFolder;                         ///< empty: ours
};

struct Finished {
  int exitCode = 0;                ///< 128 + signal if it was killed
  std::string out, err;            ///< at most `maxOutput` each
};

/// True when a program of this name lies in a folder of PATH.
[[nodiscard]] bool isOnPath(std::string_view program);

/// Runs to the end and collects its output; SIGTERM, then SIGKILL, when `stop` is requested.
Result<Finished> runCommand(const Command& command, std::string_view input = {}, std::stop_token stop = {},
                            std::size_t maxOutput = 64u << 20);

/// Starts a process in its own session with stdin from /dev/null and stdout+stderr appended to `log`; it outlives us.
/// Returns its pid (also its process group).
Result<pid_t> startDetached(const Command& command, const std::filesystem::path& log);

/// A child with pipes on stdin and stdout, speaking lines; killed when destroyed (and when we die, by PR_SET_PDEATHSIG).
class LineProcess {
 public:
  /// `log` receives its stderr (empty: ours).
  static Result<LineProcess> start(const Command& command, const std::filesystem::path& log = {});
  LineProcess(LineProcess&& other) noexcept;
  LineProcess& operator=(LineProcess&& other) noexcept;
  ~LineProcess();
  Status writeLine(std::string_view line);                     ///< a newline is added
  /// The next line without its newline; nullopt at end of output; error past `maxBytes` or when `stop` is requested.
  Result<std::optional<std::string>> readLine(std::stop_token stop = {}, std::size_t maxBytes = 16u << 20);
  void closeInput();
  [[nodiscard]] pid_t pid() const { return m_pid; }
  /// Waits for the end; the exit code (128 + signal if killed).
  int wait();
  void kill(int signal);

 private:
  LineProcess() = default;
  pid_t m_pid = -1;
  int m_in = -1, m_out = -1;
  std::string m_buffer;
};

/// Kernel start time of a process (clock ticks since boot), to tell a pid from its successor; nullopt when gone.
[[nodiscard]] std::optional<std::uint64_t> processStartTime(pid_t pid);
[[nodiscard]] bool isProcessAlive(pid_t pid, std::uint64_t startTime);

}  // namespace retort

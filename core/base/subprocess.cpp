// Child processes by fork and exec, with streams to files or pipes.
#include "base/subprocess.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/format.h"

extern char** environ;

namespace retort {
namespace {

/// What exec needs, built before fork so that the child allocates nothing.
struct Image {
  std::string program, folder;
  std::vector<std::string> words, environment;
  std::vector<char*> argv, envp;

  explicit Image(const Command& c) : program(c.program.string()), folder(c.workingFolder.string()) {
    words.push_back(program);
    words.insert(words.end(), c.args.begin(), c.args.end());
    for (char** e = environ; *e; ++e) {
      const std::string entry = *e;
      const std::string key = entry.substr(0, entry.find('='));
      bool keep = true;
      for (const auto& name : c.unsetEnv) keep = keep && name != key;
      for (const auto& [name, value] : c.env) keep = keep && name != key;
      if (keep) environment.push_back(entry);
    }
    for (const auto& [name, value] : c.env) environment.push_back(name + "=" + value);
    for (auto& w : words) argv.push_back(w.data());
    for (auto& e : environment) envp.push_back(e.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
};

/// In the child: wires 0, 1, 2 and becomes the program; a failure goes as errno through `report`.
[[noreturn]] void become(const Image& image, int in, int out, int err, int report, bool detach, bool dieWithParent) {
  if (detach) ::setsid();
  if (dieWithParent) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool wired = ::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0;
  if (wired && (image.folder.empty() || ::chdir(image.folder.c_str()) == 0)) ::execvpe(image.program.c_str(), image.argv.data(), image.envp.data());
  const int reason = errno;
  [[maybe_unused]] const ssize_t n = ::write(report, &reason, sizeof reason);
  ::_exit(127);
}

struct Pipe {
  int r = -1, w = -1;
  bool open() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    r = fds[0], w = fds[1];
    return true;
  }
  void closeRead() { if (r >= 0) ::close(std::exchange(r, -1)); }
  void closeWrite() { if (w >= 0) ::close(std::exchange(w, -1)); }
  ~Pipe() { closeRead(), closeWrite(); }
};

/// fork + exec; returns the pid, or the error of exec itself.
Result<pid_t> launch(const Command& command, int in, int out, int err, bool detach, bool dieWithParent) {
  Pipe report;
  if (!report.open()) return systemError("base.process.start", "started", command.program.string(), errno);
  const Image image(command);
  const pid_t pid = ::fork();
  if (pid < 0) return systemError("base.process.start", "started", command.program.string(), errno);
  if (pid == 0) become(image, in, out, err, report.w, detach, dieWithParent);
  report.closeWrite();
  int reason = 0;
  ssize_t n;
  do n = ::read(report.r, &reason, sizeof reason);
  while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(sizeof reason)) {
    ::waitpid(pid, nullptr, 0);
    return systemError("base.process.start", "started", command.program.string(), reason);
  }
  return pid;
}

int exitCodeOf(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

int waitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return exitCodeOf(status);
}

}  // namespace

bool isOnPath(std::string_view program) {
  const char* path = std::getenv("PATH");
  for (const auto folder : splitView(path ? path : "", ':'))
    if (!folder.empty() && ::access((std::string(folder) + "/" + std::string(program)).c_str(), X_OK) == 0) return true;
  return false;
}

Result<Finished> runCommand(const Command& command, std::string_view input, std::stop_token stop, std::size_t maxOutput) {
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return systemError("base.process.start", "started", command.program.string(), errno);
  RETORT_TRY(const pid_t pid, launch(command, in.r, out.w, err.w, false, true));
  in.closeRead(), out.closeWrite(), err.closeWrite();
  ::fcntl(in.w, F_SETFL, O_NONBLOCK);
  if (input.empty()) in.closeWrite();
  Finished finished;
  double killAt = -1;
  const auto drain = [&](int& fd, std::string& text) {
    char buffer[65536];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, std::min(static_cast<std::size_t>(n), maxOutput - std::min(maxOutput, text.size())));
    else if (n == 0 || (errno != EINTR && errno != EAGAIN)) ::close(std::exchange(fd, -1));
  };
  while (out.r >= 0 || err.r >= 0) {
    pollfd fds[3] = {{out.r, POLLIN, 0}, {err.r, POLLIN, 0}, {in.w, POLLOUT, 0}};
    ::poll(fds, 3, 100);
    if (out.r >= 0 && fds[0].revents != 0) drain(out.r, finished.out);
    if (err.r >= 0 && fds[1].revents != 0) drain(err.r, finished.err);
    if (in.w >= 0 && fds[2].revents != 0) {
      const ssize_t n = ::write(in.w, input.data(), input.size());
      if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
      if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.closeWrite();
    }
    if (stop.stop_requested() && killAt < 0) {
      ::kill(pid, SIGTERM);
      killAt = monotonicSeconds() + 2;
    }
    if (killAt > 0 && monotonicSeconds() > killAt) ::kill(pid, SIGKILL);
  }
  finished.exitCode = waitFor(pid);
  if (stop.stop_requested()) return cancelledError(command.program.filename().string());
  return finished;
}

Result<pid_t> startDetached(const Command& command, const std::filesystem::path& log) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (to < 0) {
    const int reason = errno;
    ::close(null);
    return systemError("base.file.write", "written", log.string(), reason);
  }
  auto pid = launch(command, null, to, to, true, false);
  ::close(null);
  ::close(to);
  return pid;
}

Result<LineProcess> LineProcess::start(const Command& command, const std::filesystem::path& log) {
  Pipe in, out;
  if (!in.open() || !out.open()) return systemError("base.process.start", "started", command.program.string(), errno);
  int err = 2;
  if (!log.empty()) {
    err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (err < 0) return systemError("base.file.write", "written", log.string(), errno);
  }
  auto pid = launch(command, in.r, out.w, err, false, true);
  if (err != 2) ::close(err);
  if (!pid.ok()) return std::move(pid).error();
  LineProcess process;
  process.m_pid = *pid;
  process.m_in = std::exchange(in.w, -1);
  process.m_out = std::exchange(out.r, -1);
  return process;
}

LineProcess::LineProcess(LineProcess&& other) noexcept
    : m_pid(std::exchange(other.m_pid, -1)), m_in(std::exchange(other.m_in, -1)), m_out(std::exchange(other.m_out, -1)),
      m_buffer(std::move(other.m_buffer)) {}

LineProcess& LineProcess::operator=(LineProcess&& other) noexcept {
  std::swap(m_pid, other.m_pid);
  std::swap(m_in, other.m_in);
  std::swap(m_out, other.m_out);
  std::swap(m_buffer, other.m_buffer);
  return *this;
}

LineProcess::~LineProcess() {
  closeInput();
  if (m_out >= 0) ::close(m_out);
  if (m_pid > 0) {
    ::kill(m_pid, SIGKILL);
    waitFor(m_pid);
  }
}

Status LineProcess::writeLine(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::string_view rest = whole;
  while (!rest.empty()) {
    // A dead reader must give an error here, not a signal: SIGPIPE is blocked for this thread around the write.
    sigset_t pipe, old;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &old);
    const ssize_t n = ::write(m_in, rest.data(), rest.size());
    const int reason = errno;
    if (n < 0 && reason == EPIPE) {
      const timespec now{0, 0};
      ::sigtimedwait(&pipe, nullptr, &now);
    }
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (n < 0 && reason == EINTR) continue;
    if (n < 0) return systemError("base.process.write", "written to", "the helper process", reason);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::optional<std::string>> LineProcess::readLine(std::stop_token stop, std::size_t maxBytes) {
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = m_buffer.find('\n', searched); end != std::string::npos) {
      std::string line = m_buffer.substr(0, end);
      m_buffer.erase(0, end + 1);
      return std::optional<std::string>(std::move(line));
    }
    searched = m_buffer.size();
    if (m_buffer.size() > maxBytes)
      return Error{"base.process.line", "The helper process sent a line that is too long", {}, "more than " + std::to_string(maxBytes) + " bytes", {}, {}, {}};
    pollfd fd{m_out, POLLIN, 0};
    const int ready = ::poll(&fd, 1, 50);
    if (stop.stop_requested()) return cancelledError("Waiting for the helper process");
    if (ready <= 0) continue;
    char buffer[65536];
    const ssize_t n = ::read(m_out, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return systemError("base.process.read", "read from", "the helper process", errno);
    if (n == 0) return std::optional<std::string>{};
    m_buffer.append(buffer, static_cast<std::size_t>(n));
  }
}

void LineProcess::closeInput() {
  if (m_in >= 0) ::close(std::exchange(m_in, -1));
}

int LineProcess::wait() {
  if (m_pid <= 0) return 0;
  return waitFor(std::exchange(m_pid, -1));
}

void LineProcess::kill(int signal) {
  if (m_pid > 0) ::kill(m_pid, signal);
}

std::optional<std::uint64_t> processStartTime(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto end = text.rfind(')');  // the name before it may hold blanks and brackets
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  std::string word;
  rest >> word;
  if (word == "Z" || word == "X") return {};
  for (int i = 4; i <= 21; ++i) rest >> word;  // field 22 is the start time
  std::uint64_t start = 0;
  return rest >> start ? std::optional(start) : std::nullopt;
}

bool isProcessAlive(pid_t pid, std::uint64_t startTime) {
  if (pid <= 0) return false;
  const auto start = processStartTime(pid);
  return start && (startTime == 0 || *start == startTime);
}

}  // namespace retort

// What every verb of the command line gets: global options, argument parsing, output, progress, exit codes (design section 6).
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/workspace.h"

namespace retort::cli {

enum Exit : int { done = 0, failed = 1, wrongUsage = 2, someRejected = 3, cancelled = 4, gateFailed = 5, gateUndecided = 6 };

/// One option of a verb: "--where" with a value, or a flag. Repeatable options collect their values.
struct OptionSpec {
  std::string_view name;           ///< "--where"
  std::string_view value;          ///< name of the value for help ("FILTER"), empty for a flag
  std::string_view help;
};

/// The arguments after NOUN VERB, parsed against a verb's options; "--x=y" and "--x y" are the same; "--" ends options.
class Args {
 public:
  static Result<Args> parse(const std::vector<std::string>& words, const std::vector<OptionSpec>& specs);
  [[nodiscard]] const std::vector<std::string>& positional() const { return m_positional; }
  [[nodiscard]] bool has(std::string_view option) const;
  [[nodiscard]] std::string get(std::string_view option, std::string_view otherwise = {}) const;   ///< last value
  [[nodiscard]] std::vector<std::string> all(std::string_view option) const;
  /// The option as a number; error "cli.argument.number" naming it. `otherwise` when absent.
  [[nodiscard]] Result<double> number(std::string_view option, double otherwise) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view option, std::int64_t otherwise) const;

 private:
  std::vector<std::string> m_positional;
  std::vector<std::pair<std::string, std::string>> m_options;
};

class Context {
 public:
  std::string workspaceArg;        ///< -w
  bool json = false, quiet = false;
  std::stop_token stop;            ///< requested by SIGINT/SIGTERM

  /// The workspace (-w, environment, nearest parent), opened; error names `init`.
  [[nodiscard]] Result<Workspace> workspace() const;
  /// Result line(s) for people on stdout; nothing with --json.
  void print(std::string_view text) const;
  /// The one JSON document of the call on stdout (only with --json).
  void printJson(const Json& value) const;
  /// A message on stderr (unless --quiet).
  void note(std::string_view text) const;
  /// The error on stderr (with --json also as {"error":…} on stdout, unless the call's document is there already); returns the
  /// exit code that fits it.
  int fail(const Error& error) const;
  /// Wrong usage: prints `why` and the verb's usage line, or where help is; returns 2.
  int usage(std::string_view why) const;
  /// Progress on stderr: a bar on a terminal, a plain line every few seconds otherwise.
  [[nodiscard]] ProgressFn progress() const;

  std::string noun, verb;          ///< of the running command, for usage messages

 private:
  mutable bool m_hasPrinted = false;  ///< one document a call: what comes second is left out
};

/// A verb: `retort-cli NOUN VERB …` (`verb` empty: the noun alone).
struct Command {
  std::string_view noun, verb;
  std::string_view synopsis;       ///< "logs import PATH [--format F] …"
  std::string_view help;           ///< one sentence
  std::vector<OptionSpec> options;
  std::function<int(Context&, const Args&)> run;
};

/// Commands register themselves from static objects in cmd_*.cpp: static const Registration r{{...}}.
struct Registration {
  explicit Registration(Command command);
};
[[nodiscard]] const std::vector<Command>& commands();

/// Executors of job kinds ("import", "evaluate", "export", "distil" …) for `job exec DIR`, registered the same way.
/// Return the job's result summary (State.extra) or an error. Cancelled = stopped by its user.
struct JobContext {
  const Workspace& workspace;
  std::filesystem::path folder;
  Json params;
  std::stop_token stop;
  ProgressFn progress;
};
struct JobRegistration {
  JobRegistration(std::string_view kind, std::function<Result<Json>(JobContext&)> run);
};
[[nodiscard]] const std::function<Result<Json>(JobContext&)>* jobExecutor(std::string_view kind);

}  // namespace retort::cli

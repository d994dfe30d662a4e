// The worker's verbs: each file registers its own, main.cpp only looks them up.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/device.h"

namespace retort::worker {

/// One verb of `retort-worker`: `run` gets the arguments after the verb and gives the exit code.
struct Verb {
  std::string name, usage, help;
  int (*run)(const std::vector<std::string>& args);
};

/// Makes a verb known before main starts: static const Registration registration{{"train", "DIR", "…", run}};
struct Registration {
  explicit Registration(Verb verb);
};
[[nodiscard]] const std::vector<Verb>& verbs();

/// Exit codes: 0 done, 1 failed, 2 wrong usage, 4 cancelled.
int fail(const Error& error);
int usageError(const std::string& what);

/// Options of the form --name value, or --name for flags, taken out of `args`; what is left are positions.
class Options {
 public:
  explicit Options(std::vector<std::string> args) : m_args(std::move(args)) {}
  [[nodiscard]] std::string value(const std::string& name, const std::string& otherwise = {});
  [[nodiscard]] bool flag(const std::string& name);
  /// A number; a bad one is remembered as an error.
  [[nodiscard]] int number(const std::string& name, int otherwise);
  /// Empty, or what is wrong: an unknown option, a missing value. Call after all options are read.
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] const std::vector<std::string>& positions() const { return m_args; }

 private:
  std::vector<std::string> m_args;
  std::string m_problem;
};

/// --device, --threads, --deterministic.
[[nodiscard]] engine::DeviceOptions deviceOptions(Options& options);

}  // namespace retort::worker

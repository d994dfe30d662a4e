// Starting the worker: found, and without anybody's keys.
#pragma once
#include <string>
#include <vector>

#include "base/subprocess.h"

namespace retort::job {

/// Names of the environment variables that may hold a key of a provider, a cloud or a hub: those of the common services that are set or not,
/// and every RETORT_KEY_…. The key of our own server ($RETORT_SERVE_KEY) is not among them.
[[nodiscard]] std::vector<std::string> keyVariables();

/// `retort-worker ARGS…` with every one of keyVariables() unset: the worker speaks to no provider, so it holds no key, and its core file and log
/// can hold none. Error "base.program.missing".
[[nodiscard]] Result<Command> workerCommand(std::vector<std::string> args);

}  // namespace retort::job

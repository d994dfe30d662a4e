// Jobs that a verb leaves behind: queued, and started by the supervisor.
#pragma once
#include <string>

#include "base/json.h"
#include "base/workspace.h"

namespace retort::cli {

/// Queues a job unless one of its kind waits already (one that runs may have looked at less), and starts the supervisor.
Status queueJob(const Workspace& workspace, const std::string& kind, const std::string& name, const Json& params = Json::object());
/// What goes on by itself after records came in: the derived fields, and the text index where there is one.
Status queueAfterImport(const Workspace& workspace);

}  // namespace retort::cli

// The workspace's log store for verbs that read it.
#pragma once
#include <memory>

#include "app/retort-cli/cli.h"
#include "logs/log_store.h"

namespace retort::cli {

/// Says on stderr what was found damaged and mended.
Result<std::shared_ptr<logs::LogStore>> openLogs(const Context& context);

}  // namespace retort::cli

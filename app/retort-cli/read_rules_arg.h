// How logs are read, from --format, --map, --since and --until: for every verb that reads records.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/retort-cli/cli.h"
#include "logs/importer.h"

namespace retort::cli {

/// The time of an option; nothing for an empty text. Error "cli.argument.time".
Result<std::optional<std::int64_t>> timeOption(const std::string& text, std::string_view option);
/// Maps and names of models: the workspace's and the shipped ones. `mapFile` forces one, and the workspace remembers it.
Status addReadRules(const Workspace& workspace, const std::string& format, const std::string& mapFile, logs::ImportOptions& options);

}  // namespace retort::cli

// --from SOURCE: counting, listing, facets and imports of a store that is queried where it is.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/retort-cli/cli.h"
#include "logs/remote_import.h"

namespace retort::cli {

/// The options of --from behind those of the verb; what the verb has already is not named twice.
[[nodiscard]] std::vector<OptionSpec> withRemote(std::vector<OptionSpec> options);

int countIn(Context& context, const Args& args);
int listIn(Context& context, const Args& args);
int facetsIn(Context& context, const Args& args);
/// Imports what matches `options.where`; `query` receives what was asked.
Result<logs::ImportSummary> importFrom(const Context& context, const Args& args, const Workspace& workspace, const logs::ImportOptions& options, std::optional<logs::RemoteQuery>& query);
/// "; 1.2 GB were scanned, about 0.006 USD", or nothing.
[[nodiscard]] std::string costText(const logs::RemoteCost& cost);

}  // namespace retort::cli

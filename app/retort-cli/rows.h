// Rows and facets as people and scripts see them, wherever they come from.
#pragma once
#include <string>

#include "app/retort-cli/cli.h"
#include "logs/log_store.h"

namespace retort::cli {

/// Time, model, status, tokens, preview.
[[nodiscard]] std::string rowText(const logs::Row& row);
[[nodiscard]] Json rowJson(const logs::Row& row);
/// Prints a facet; its JSON.
Json printFacet(const Context& context, const logs::Facet& facet);

}  // namespace retort::cli

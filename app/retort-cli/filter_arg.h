// The FILTER argument that many verbs take: one expression, or --bedrock FILE with requestMetadataFilters.
#pragma once
#include "app/retort-cli/cli.h"
#include "logs/filter.h"

namespace retort::cli {

inline constexpr OptionSpec kBedrockOption{"--bedrock", "FILE", "takes the filter from a file with Bedrock's requestMetadataFilters"};

/// The filter at `position` of the arguments (all records where there is none), or of --bedrock.
Result<logs::Filter> filterArgument(const Args& args, std::size_t position);
/// Prints an error of a filter, with the place, and returns "wrong usage".
int failFilter(const Context& context, const Error& error);

}  // namespace retort::cli

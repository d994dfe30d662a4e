// The identity of a question: what decides its answer, hashed with length prefixes so that no two questions can be confused.
#pragma once
#include <string>

#include "providers/generation.h"

namespace retort::providers {

/// SHA-256 (hex) over dialect, origin, model, messages, tools, format, sampling, extra members, prompt version and sample index.
[[nodiscard]] std::string requestHash(const std::string& dialect, const std::string& origin, const std::string& model, const Json& extra, const GenRequest& request);
/// Tokens of a prompt, estimated on the high side (three bytes a token and a few for each message): for caps and rates, never for bills.
[[nodiscard]] std::int64_t estimatedPromptTokens(const GenRequest& request);

}  // namespace retort::providers

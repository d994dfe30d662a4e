// Documents that hold many records: pages of an API, traces, deliveries of CloudWatch, cut into their elements.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "logs/call.h"
#include "logs/json_dom.h"

namespace retort::logs {

/// True for a document that holds records rather than being one. `root` is the parsed `text`.
[[nodiscard]] bool isContainer(const dom::Maybe& root);
/// Its elements in order. `text` must be valid JSON.
[[nodiscard]] std::vector<Unit> unitsOf(std::string_view text, const dom::Maybe& root);

}  // namespace retort::logs

// Spans with attributes: OpenTelemetry's GenAI conventions, old and new, and OpenInference's.
#pragma once
#include "logs/format.h"

namespace retort::logs {

[[nodiscard]] bool isOtelSpan(const dom::Maybe& root);
bool readOtelSpan(const Reading& reading);
[[nodiscard]] bool isPhoenixSpan(const dom::Maybe& root);
bool readPhoenixSpan(const Reading& reading);

}  // namespace retort::logs

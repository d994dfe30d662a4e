// From a document to a call: which format it is of, what is wrapped around it, which map reads it.
#pragma once
#include "logs/format.h"

namespace retort::logs {

/// Reads one JSON document into `reading.call` by the forced format or map, the first format that fits, or a map. True, or false
/// with the reason in `reading.reject`. The caller sets synthetic ids and repair flags.
bool readEnvelope(Reading reading, const ReadRules& rules);

}  // namespace retort::logs

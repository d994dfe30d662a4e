// The envelopes around bodies: Bedrock's log record in its spellings, prompt files, chat files.
#pragma once
#include "logs/call.h"
#include "logs/json_dom.h"

namespace retort::logs {

/// Reads one JSON document into `call`. True, or false with `reject`. The caller sets synthetic ids and repair flags.
bool readEnvelope(dom::Maybe root, const SpillLoader& spills, dom::ParserPool& pool, Call& call, ParseReject& reject);

}  // namespace retort::logs

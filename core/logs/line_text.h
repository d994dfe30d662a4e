// The texts of the plainest records straight from the bytes of their line, several times as fast as a parser: for scans of everything.
#pragma once
#include <string_view>

#include "logs/decoded_text.h"

namespace retort::logs {

/// Reads an invocation log's line whose bodies are Converse's or Claude's messages of nothing but text; false (and `out` void) for any
/// other, which LineParser reads. Where it says true, `out` is what LineParser's call would give. The line must be JSON that was read
/// before, unmended, and 64 readable bytes must follow it.
bool readLineText(std::string_view line, DecodedText& out);

}  // namespace retort::logs

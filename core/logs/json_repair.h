// Mending the defects of a line that writers are known to make, and saying why the others cannot be mended.
#pragma once
#include <string>
#include <string_view>

namespace retort::logs {

/// Escapes of lone surrogates (\ud800 without its partner) replaced by \ufffd.
[[nodiscard]] std::string repairSurrogates(std::string_view json);
/// Integers that do not fit 64 bits put in quotes; their digits stay.
[[nodiscard]] std::string quoteHugeIntegers(std::string_view json);

}  // namespace retort::logs

// The dialects themselves, for dialectOf().
#pragma once
#include <initializer_list>

#include "logs/remote_dialect.h"

namespace retort::logs {

[[nodiscard]] const SqlDialect& duckDialect();
[[nodiscard]] const SqlDialect& athenaDialect();
[[nodiscard]] const SqlDialect& clickhouseDialect();

/// "2026-03-02 06:00:00.000000", UTC.
[[nodiscard]] std::string sqlTime(std::int64_t micros);
/// "name(a, b)".
[[nodiscard]] std::string sqlCall(std::string_view function, std::initializer_list<std::string> arguments);

}  // namespace retort::logs

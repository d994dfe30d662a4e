// Time: UTC for what is written, monotonic seconds for what is measured, ISO 8601 in and out.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retort {

[[nodiscard]] std::int64_t utcMicros();                     ///< microseconds since 1970 UTC
inline std::int64_t utcMillis() { return utcMicros() / 1000; }
[[nodiscard]] double monotonicSeconds();                    ///< steady clock, for durations only
[[nodiscard]] std::string isoUtc(std::int64_t micros, bool withMillis = false);  ///< "2026-03-01T12:00:00Z"
/// Parses ISO 8601 date or date-time, with optional fraction and Z or ±hh:mm (none = UTC), to microseconds.
[[nodiscard]] std::optional<std::int64_t> parseIsoTime(std::string_view text);

}  // namespace retort

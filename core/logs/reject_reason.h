// Why a line of a log file was not taken: a fixed list of short words, shared by the importer, the store and the sample generator.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace retort::logs {

/// The numbers are stored in logs.db and the words are printed and compared by scripts: only ever add at the end.
enum class RejectReason : std::uint8_t {
  notJson,       ///< the line is no JSON document, or has text behind it
  truncated,     ///< the line ends inside a string or an object, or its gzip member was cut
  tooDeep,       ///< nested deeper than 1,024
  tooLong,       ///< longer than 64 MiB
  notUtf8,       ///< invalid UTF-8 that one repair with U+FFFD did not mend
  noSchema,      ///< JSON, but no record of a format that we read
  missingField,  ///< such a record, without a field that it cannot do without
  conflict,      ///< another record with this request id and other content came first
  badType,       ///< a field that we need has the wrong JSON type
};

inline constexpr std::array<std::string_view, 9> kRejectWords = {
    "not-json", "truncated", "too-deep", "too-long", "not-utf8", "no-schema", "missing-field", "conflict", "bad-type"};

[[nodiscard]] constexpr std::string_view rejectWord(RejectReason reason) { return kRejectWords[static_cast<std::size_t>(reason)]; }

[[nodiscard]] constexpr std::optional<RejectReason> rejectReasonOf(std::string_view word) {
  for (std::size_t i = 0; i < kRejectWords.size(); ++i)
    if (kRejectWords[i] == word) return static_cast<RejectReason>(i);
  return std::nullopt;
}

}  // namespace retort::logs

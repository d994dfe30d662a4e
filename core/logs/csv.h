// Tables as text (RFC 4180, also with ; or tabs): recognised by their header row, each row as a JSON object of its columns.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::logs {

struct CsvHeader {
  char separator = ',';
  std::vector<std::string> names;      ///< in small letters, blanks as _, so that "Input Tokens" is input_tokens
  std::size_t length = 0;              ///< bytes of the header row with its line end, from the start of the text that was looked at
};

/// The header of a table that begins with `head` (at least its first two rows, or all of it). Nothing for anything else: names must
/// be words, and the second row must have as many fields.
[[nodiscard]] std::optional<CsvHeader> sniffCsv(std::string_view head);
/// End of the row that begins at `from`, before its line end; npos when it goes on past the text.
[[nodiscard]] std::size_t endOfCsvRow(std::string_view text, std::size_t from);
[[nodiscard]] std::vector<std::string> splitCsvRow(std::string_view row, char separator);
/// {"column": "cell", …}; cells stay texts, but true JSON objects and lists in them are still unpacked by the formats. Nothing when the
/// row has more fields than the header.
[[nodiscard]] std::optional<std::string> csvRowToJson(const CsvHeader& header, std::string_view row);

}  // namespace retort::logs

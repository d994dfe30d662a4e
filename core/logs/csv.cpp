// Rows, cells and quotes.
#include "logs/csv.h"

#include <algorithm>
#include <set>

#include "base/format.h"
#include "base/json.h"

namespace retort::logs {

namespace {

constexpr std::size_t kMostColumns = 4096;

bool isWord(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  const char first = name.front();
  if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == ' ' || c == '/' || c == '[' || c == ']' || c == '(' || c == ')';
  });
}

std::string columnName(std::string_view name) {
  std::string out = lowerAscii(trimmed(name));
  // Camel case keeps its humps: traceId is a key that formats know.
  if (std::any_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; }) && name.find(' ') == std::string_view::npos && trimmed(name).front() >= 'a') out = trimmed(name);
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

}  // namespace

std::size_t endOfCsvRow(std::string_view text, std::size_t from) {
  bool inQuotes = false;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '"') inQuotes = !inQuotes;   // a doubled quote closes and opens again
    else if (text[i] == '\n' && !inQuotes) return i;
  }
  return std::string_view::npos;
}

std::vector<std::string> splitCsvRow(std::string_view row, char separator) {
  std::vector<std::string> cells;
  std::string cell;
  bool inQuotes = false;
  if (row.ends_with('\r')) row.remove_suffix(1);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const char c = row[i];
    if (inQuotes) {
      if (c != '"') cell += c;
      else if (i + 1 < row.size() && row[i + 1] == '"') cell += '"', ++i;
      else inQuotes = false;
    } else if (c == '"') {
      inQuotes = true;
    } else if (c == separator && cells.size() < kMostColumns) {
      cells.push_back(std::move(cell));
      cell.clear();
    } else {
      cell += c;
    }
  }
  cells.push_back(std::move(cell));
  return cells;
}

std::optional<CsvHeader> sniffCsv(std::string_view head) {
  CsvHeader header;
  std::size_t begin = 0;
  if (head.starts_with("\xEF\xBB\xBF")) begin = 3;
  while (begin < head.size() && (head[begin] == '\n' || head[begin] == '\r')) ++begin;
  if (begin == head.size() || head[begin] == '{' || head[begin] == '[') return std::nullopt;
  const auto end = endOfCsvRow(head, begin);
  if (end == std::string_view::npos || end - begin > 64 * 1024) return std::nullopt;
  const auto first = head.substr(begin, end - begin);
  std::size_t most = 0;
  for (const char separator : {',', '\t', ';'})
    if (const auto n = splitCsvRow(first, separator).size(); n > most) most = n, header.separator = separator;
  std::set<std::string> seen;
  for (const auto& name : splitCsvRow(first, header.separator)) {
    if (!isWord(trimmed(name))) return std::nullopt;
    header.names.push_back(columnName(trimmed(name)));
    if (!seen.insert(header.names.back()).second) return std::nullopt;
  }
  if (header.names.size() == 1 && header.names[0] != "prompt" && header.names[0] != "messages" && header.names[0] != "question" && header.names[0] != "text") return std::nullopt;
  const auto next = endOfCsvRow(head, end + 1);
  const auto second = head.substr(end + 1, next == std::string_view::npos ? next : next - end - 1);
  // A row longer than what was looked at cannot be counted; one that was seen whole must fit.
  if (next != std::string_view::npos && splitCsvRow(second, header.separator).size() != header.names.size()) return std::nullopt;
  header.length = end + 1;
  return header;
}

std::optional<std::string> csvRowToJson(const CsvHeader& header, std::string_view row) {
  const auto cells = splitCsvRow(row, header.separator);
  if (cells.size() > header.names.size()) return std::nullopt;
  Json json = Json::object();
  for (std::size_t i = 0; i < cells.size(); ++i) json[header.names[i]] = isValidUtf8(cells[i]) ? cells[i] : repairUtf8(cells[i]);
  return dumpJson(json);
}

}  // namespace retort::logs

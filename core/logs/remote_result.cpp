// CSV with NULLs, and JSON lines.
#include "logs/remote_result.h"

#include <cerrno>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace retort::logs {

Status readResultCsv(const std::filesystem::path& file, const std::function<Result<bool>(Json row)>& take) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return systemError("base.file.read", "read", file.string(), errno);
  using Cell = std::optional<std::string>;
  std::vector<std::string> names;
  std::vector<Cell> cells;
  Cell cell;
  bool isQuoted = false, isHeader = true, hasRow = false;
  const auto endRow = [&]() -> Result<bool> {
    cells.push_back(std::move(cell));
    cell.reset();
    hasRow = false;
    auto row = std::move(cells);
    cells.clear();
    if (isHeader) {
      for (auto& name : row) names.push_back(name.value_or(""));
      isHeader = false;
      return true;
    }
    if (row.size() != names.size())
      return Error{"logs.remote.answer", "A result cannot be read", shown(file.filename().string()), "a row has " + std::to_string(row.size()) + " cells, not " + std::to_string(names.size()), "Run the query again.", {}, {}};
    Json json = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) json[names[i]] = row[i] ? Json(std::move(*row[i])) : Json(nullptr);
    return take(std::move(json));
  };
  char buffer[65536];
  bool wasQuote = false;                               // inside quotes: the first of two, or the last one
  while (in.read(buffer, sizeof buffer), in.gcount() > 0) {
    for (std::streamsize i = 0; i < in.gcount(); ++i) {
      const char c = buffer[i];
      if (isQuoted && wasQuote) {
        wasQuote = false;
        if (c == '"') {
          *cell += c;
          continue;
        }
        isQuoted = false;
      } else if (isQuoted) {
        if (c == '"') wasQuote = true;
        else *cell += c;
        continue;
      }
      if (c == '\r') continue;
      if (c == '\n') {
        RETORT_TRY(const bool goesOn, endRow());
        if (!goesOn) return {};
        continue;
      }
      hasRow = true;
      if (c == ',') {
        cells.push_back(std::move(cell));
        cell.reset();
        continue;
      }
      if (!cell) cell.emplace();
      if (c == '"') isQuoted = true;
      else *cell += c;
    }
  }
  if (isQuoted && !wasQuote)
    return Error{"logs.remote.answer", "A result ends in the middle of a value", shown(file.filename().string()), {}, "Run the query again.", {}, {}};
  if (hasRow) RETORT_CHECK(endRow());
  return {};
}

Status readResultLines(const std::filesystem::path& file, const std::string& source, const std::function<Result<bool>(std::string_view row)>& take) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return systemError("base.file.read", "read", file.string(), errno);
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    if (line.front() != '{')
      return Error{"logs.remote.failed", shown(source) + " broke off", {}, shown(line.substr(0, 1000)), "Run the query again, or in the engine itself.", {}, {}};
    RETORT_TRY(const bool goesOn, take(line));
    if (!goesOn) return {};
  }
  return {};
}

}  // namespace retort::logs

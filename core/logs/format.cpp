// The list of log formats.
#include "logs/format.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/format.h"

namespace retort::logs {

std::span<const LogFormat> logFormats() {
  static const std::vector<LogFormat> all = [] {
    std::vector<LogFormat> formats;
    for (const auto family : {bedrockFormats(), recordFormats(), batchFormats(), gatewayFormats(), traceFormats(), openaiFormats(), datasetFormats()})
      formats.insert(formats.end(), family.begin(), family.end());
    std::stable_sort(formats.begin(), formats.end(), [](const LogFormat& a, const LogFormat& b) { return a.isGuess < b.isGuess; });
    return formats;
  }();
  return all;
}

const LogFormat* findFormat(std::string_view name) {
  for (const auto& format : logFormats())
    if (format.name == name) return &format;
  return nullptr;
}

namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto next = std::min({row[j] + 1, row[j + 1] + 1, diagonal + (a[i] != b[j])});
      diagonal = row[j + 1];
      row[j + 1] = next;
    }
  }
  return row.back();
}

}  // namespace

Status checkFormat(std::string_view name) {
  if (name.empty() || findFormat(name)) return {};
  std::vector<std::string> names;
  std::string_view nearest;
  for (const auto& format : logFormats()) {
    names.emplace_back(format.name);
    if (nearest.empty() || distance(name, format.name) < distance(name, nearest)) nearest = format.name;
  }
  return Error{"logs.format.unknown", "There is no log format " + shown(name), {}, {}, "Did you mean " + std::string(nearest) + "? All of them: " + join(names, ", ") + ".", {}, {}};
}

}  // namespace retort::logs

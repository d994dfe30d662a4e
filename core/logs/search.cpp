// A plain text that cannot be escaped in JSON is looked for in the source line first: most records are then never parsed.
#include "logs/search.h"

#include <cstring>
#include <optional>

#include "base/format.h"
#include "logs/call.h"
#include "logs/filter_test.h"

namespace retort::logs {

namespace {

std::size_t findIn(std::string_view text, std::string_view what) {
  const void* found = memmem(text.data(), text.size(), what.data(), what.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

/// True when the text stands in JSON as it is, unless somebody escaped plain letters.
bool isPlainInJson(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x80 || c == '"' || c == '\\' || c == '/') return false;
  return true;
}

/// As searchableText() of the record.
void decodedText(const Call& call, std::string& text) {
  text.clear();
  const auto add = [&](const Message& message, bool isFirst) {
    if (!isFirst) text += '\n';
    bool hasText = false;
    const auto part = [&](std::string_view more) {
      if (more.empty()) return;
      if (hasText) text += '\n';
      text += more;
      hasText = true;
    };
    part(message.text);
    for (const auto& tool : message.toolCalls) part(tool.name + "(" + tool.arguments + ")");
  };
  bool isFirst = true;
  for (const auto& message : call.messages) add(message, isFirst), isFirst = false;
  if (call.answer) add(*call.answer, isFirst);
}

/// At most `n` bytes of the beginning or the end, whole characters.
std::string_view edge(std::string_view text, std::size_t n, bool isEnd) {
  if (text.size() <= n) return text;
  if (isEnd) {
    text = text.substr(text.size() - n);
    while (!text.empty() && (text[0] & 0xC0) == 0x80) text.remove_prefix(1);
    return text;
  }
  while (n > 0 && (text[n] & 0xC0) == 0x80) --n;
  return text.substr(0, n);
}

}  // namespace

SearchOptions searchOptionsOf(std::string_view typed, std::string& pattern) {
  SearchOptions options;
  options.isRegex = typed.size() > 2 && typed.front() == '/' && typed.back() == '/';
  pattern = options.isRegex ? typed.substr(1, typed.size() - 2) : typed.starts_with("\\/") ? typed.substr(1) : typed;
  return options;
}

Result<SearchSummary> searchText(const LogStore& store, const Filter& filter, std::string_view pattern, const SearchOptions& options,
                                 const std::function<bool(const SearchHit&)>& hit, std::stop_token stop, const ProgressFn& progress) {
  constexpr std::size_t kContext = 60;
  if (pattern.empty()) return Error{"logs.search.empty", "There is nothing to search for", {}, {}, "Name a text, or /a regular expression/.", {}, {}};
  std::optional<Pattern> regex;
  if (options.isRegex) {
    RETORT_TRY(auto compiled, Pattern::compile(pattern));
    regex.emplace(std::move(compiled));
  }
  const bool canSkip = !options.isRegex && isPlainInJson(pattern);
  RETORT_TRY(const auto ids, store.select(filter, stop));
  ProgressMeter meter(progress, "Searching", "records", static_cast<std::int64_t>(ids.size()));
  SearchSummary summary;
  std::string text;
  const auto look = [&](std::uint32_t id, std::string_view where) {
    std::size_t at = std::string_view::npos, length = pattern.size();
    if (!regex) {
      at = findIn(where, pattern);
    } else if (const auto found = regex->find(where)) {
      at = found->first;
      length = found->second;
    }
    if (at == std::string_view::npos) return true;
    ++summary.hits;
    return hit({id, std::string(edge(where.substr(0, at), kContext, true)), std::string(where.substr(at, length)), std::string(edge(where.substr(at + length), kContext, false))});
  };
  const auto skip = [&](std::string_view line) {
    ++summary.searched;
    if (progress) meter.at(static_cast<std::int64_t>(summary.searched));
    // "\u0041" may be an A: such a line is parsed.
    return options.isRaw || !canSkip ? false : findIn(line, pattern) == std::string_view::npos && findIn(line, "\\u00") == std::string_view::npos;
  };
  RETORT_CHECK(store.forEachLine(ids, stop, skip, options.isRaw, [&](std::uint32_t id, Call* call, std::string_view line) -> Result<bool> {
    if (options.isRaw) return look(id, line);
    if (!call) {
      ++summary.unreadable;
      return true;
    }
    decodedText(*call, text);
    return look(id, text);
  }));
  if (progress) meter.finish();
  return summary;
}

}  // namespace retort::logs

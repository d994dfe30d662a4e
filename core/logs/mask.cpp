// One pass a kind of span; a pass without its first character is over at once.
#include "logs/mask.h"

#include <algorithm>
#include <cstring>

namespace retort::logs {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isWord(char c) { return isDigit(c) || isAlpha(c) || c == '_'; }
bool isHex(char c) { return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool has(std::string_view text, char c) { return std::memchr(text.data(), c, text.size()) != nullptr; }

/// End of "<name …>" at `at`, with its name; 0 when there is none.
std::size_t openTag(std::string_view text, std::size_t at, std::string_view& name) {
  std::size_t i = at + 1;
  if (i >= text.size() || !isAlpha(text[i])) return 0;
  while (i < text.size() && (isWord(text[i]) || text[i] == '-')) ++i;
  name = text.substr(at + 1, i - at - 1);
  if (i < text.size() && text[i] != '>' && !isSpace(text[i])) return 0;
  while (i < text.size() && text[i] != '>' && text[i] != '<') ++i;
  return i < text.size() && text[i] == '>' && text[i - 1] != '/' ? i + 1 : 0;
}

/// Start of the "</name>" that closes it, inner ones of the same name left out; npos when there is none.
std::size_t closingTag(std::string_view text, std::size_t from, std::string_view name) {
  int depth = 1;
  for (std::size_t i = text.find('<', from); i != std::string_view::npos; i = text.find('<', i + 1)) {
    if (text.substr(i + 1, 1) == "/" && text.substr(i + 2, name.size()) == name && text.substr(i + 2 + name.size(), 1) == ">") {
      if (--depth == 0) return i;
    } else if (std::string_view inner; openTag(text, i, inner) && inner == name) {
      ++depth;
    }
  }
  return std::string_view::npos;
}

std::string maskTags(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  // A text of many open tags without ends must not be searched to its end for each.
  int searches = 0;
  for (std::size_t i = text.find('<'); i != std::string_view::npos; i = text.find('<', i + 1)) {
    std::string_view name;
    const std::size_t inside = openTag(text, i, name);
    if (!inside) continue;
    if (++searches > 200) break;
    const std::size_t close = closingTag(text, inside, name);
    if (close == std::string_view::npos) continue;
    out.append(text.substr(done, inside - done)).append(kMask);
    done = close;
    i = close + name.size() + 1;
  }
  return out.append(text.substr(done));
}

std::string maskUrls(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = text.find("://"); i != std::string_view::npos; i = text.find("://", i + 3)) {
    std::size_t from = i;
    if (i >= 5 && i - 5 >= done && text.substr(i - 5, 5) == "https") from = i - 5;
    else if (i >= 4 && i - 4 >= done && text.substr(i - 4, 4) == "http") from = i - 4;
    else continue;
    std::size_t end = i + 3;
    while (end < text.size() && !isSpace(text[end]) && text[end] != '<' && text[end] != '>' && text[end] != '"') ++end;
    if (end == i + 3) continue;
    out.append(text.substr(done, from - done)).append(kMask);
    done = end;
    i = end > 3 ? end - 3 : end;
  }
  return out.append(text.substr(done));
}

std::string maskMail(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  const auto isLocal = [](char c) { return isWord(c) || c == '.' || c == '+' || c == '-'; };
  const auto isHost = [](char c) { return isWord(c) || c == '-'; };
  for (std::size_t i = text.find('@'); i != std::string_view::npos; i = text.find('@', i + 1)) {
    std::size_t from = i;
    while (from > done && isLocal(text[from - 1])) --from;
    std::size_t end = i + 1;
    while (end < text.size() && isHost(text[end])) ++end;
    if (from == i || end == i + 1) continue;
    std::size_t parts = 0;
    while (end + 1 < text.size() && text[end] == '.' && isHost(text[end + 1])) {
      ++end;
      while (end < text.size() && isHost(text[end])) ++end;
      ++parts;
    }
    if (parts == 0) continue;
    out.append(text.substr(done, from - done)).append(kMask);
    done = end;
    i = end - 1;
  }
  return out.append(text.substr(done));
}

std::string maskQuotes(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = text.find_first_of("\"`"); i != std::string_view::npos; i = text.find_first_of("\"`", i)) {
    std::size_t end = i + 1;
    while (end < text.size() && text[end] != text[i] && text[end] != '\n') ++end;
    if (end == text.size() || text[end] == '\n') {
      ++i;
      continue;
    }
    out.append(text.substr(done, i - done)).append(kMask);
    i = done = end + 1;
  }
  return out.append(text.substr(done));
}

/// Long hexadecimal ids, then what is left of numbers.
std::string maskHex(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  const auto isRun = [](char c) { return isHex(c) || c == '-'; };
  const auto isEdge = [&](std::size_t at) { return (at > 0 && isWord(text[at - 1])) != (at < text.size() && isWord(text[at])); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!isHex(text[i]) || !isEdge(i)) continue;
    std::size_t end = i;
    bool hasDigit = false;
    for (; end < text.size() && isRun(text[end]); ++end) hasDigit = hasDigit || isDigit(text[end]);
    const std::size_t run = end;
    while (end > i && !isEdge(end)) --end;
    if (hasDigit && end >= i + 8) {
      out.append(text.substr(done, i - done)).append(kMask);
      done = end;
      i = end - 1;
    } else {
      // A shorter tail of this run may begin behind a hyphen.
      const auto hyphen = text.substr(0, run).find('-', i);
      i = hyphen == std::string_view::npos ? run - 1 : hyphen;
    }
  }
  return out.append(text.substr(done));
}

std::string maskNumbers(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!isDigit(text[i])) continue;
    std::size_t end = i;
    while (end < text.size() && isDigit(text[end])) ++end;
    while (end + 1 < text.size() && std::string_view(".,:/-").find(text[end]) != std::string_view::npos && isDigit(text[end + 1])) {
      ++end;
      while (end < text.size() && isDigit(text[end])) ++end;
    }
    if (end < text.size() && text[end] == '%') ++end;
    out.append(text.substr(done, i - done)).append(kMask);
    done = end;
    i = end - 1;
  }
  return out.append(text.substr(done));
}

}  // namespace

std::string maskVariables(std::string_view text) {
  std::string out = has(text, '<') ? maskTags(text) : std::string(text);
  if (has(out, ':')) out = maskUrls(out);
  if (has(out, '@')) out = maskMail(out);
  if (has(out, '"') || has(out, '`')) out = maskQuotes(out);
  if (std::any_of(out.begin(), out.end(), isDigit)) out = maskNumbers(maskHex(out));
  return out;
}

void templateTokens(std::string_view masked, std::vector<std::string_view>& tokens) {
  tokens.clear();
  for (std::size_t i = 0; i < masked.size();) {
    while (i < masked.size() && isSpace(masked[i])) ++i;
    std::size_t end = i;
    while (end < masked.size() && !isSpace(masked[end])) ++end;
    if (end > i) tokens.push_back(masked.substr(i, end - i));
    i = end;
  }
  if (tokens.size() > kMostTokens) tokens.erase(tokens.begin() + kMostTokens / 2, tokens.end() - kMostTokens / 2);
}

}  // namespace retort::logs

// Finding elements by a scan of the text itself, since a record's place and bytes must be those of its source.
#include "logs/units.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;

namespace {

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// A view that walks valid JSON; past the end it stays there, so that a wrong text cannot make it run away.
struct Scanner {
  std::string_view s;
  std::size_t at = 0;

  [[nodiscard]] char now() const { return at < s.size() ? s[at] : '\0'; }
  void blanks() {
    while (at < s.size() && isBlank(s[at])) ++at;
  }
  void string() {
    for (++at; at < s.size() && s[at] != '"'; ++at)
      if (s[at] == '\\') ++at;
    at = std::min(at + 1, s.size());
  }
  /// Past one value of any kind.
  void value() {
    blanks();
    if (now() == '"') return string();
    if (now() != '{' && now() != '[') {
      while (at < s.size() && s[at] != ',' && s[at] != '}' && s[at] != ']' && !isBlank(s[at])) ++at;
      return;
    }
    int depth = 0;
    while (at < s.size()) {
      const char c = s[at];
      if (c == '"') {
        string();
        continue;
      }
      ++at;
      if (c == '{' || c == '[') ++depth;
      else if ((c == '}' || c == ']') && --depth == 0) return;
    }
  }
};

/// Calls `visit(key, begin, end)` for each member of the object that begins at `at`. Keys are as written.
template <typename F>
void members(std::string_view s, std::size_t at, F&& visit) {
  Scanner scan{s, at};
  scan.blanks();
  if (scan.now() != '{') return;
  ++scan.at;
  while (true) {
    scan.blanks();
    if (scan.now() != '"') return;
    const auto key = scan.at + 1;
    scan.string();
    const auto name = s.substr(key, scan.at - 1 - key);
    scan.blanks();
    if (scan.now() != ':') return;
    ++scan.at;
    scan.blanks();
    const auto begin = scan.at;
    scan.value();
    visit(name, begin, scan.at);
    scan.blanks();
    if (scan.now() != ',') return;
    ++scan.at;
  }
}

template <typename F>
void elements(std::string_view s, std::size_t at, F&& visit) {
  Scanner scan{s, at};
  scan.blanks();
  if (scan.now() != '[') return;
  ++scan.at;
  while (true) {
    scan.blanks();
    if (scan.at >= s.size() || scan.now() == ']') return;
    const auto begin = scan.at;
    scan.value();
    if (scan.at == begin) return;
    visit(begin, scan.at);
    scan.blanks();
    if (scan.now() != ',') return;
    ++scan.at;
  }
}

void spansOf(std::string_view s, std::vector<Unit>& units) {
  members(s, 0, [&](std::string_view outer, std::size_t at, std::size_t) {
    if (outer != "resourceSpans" && outer != "resource_spans") return;
    elements(s, at, [&](std::size_t group, std::size_t) {
      std::string_view resource = "{}";
      members(s, group, [&](std::string_view key, std::size_t begin, std::size_t end) {
        if (key == "resource") resource = s.substr(begin, end - begin);
      });
      members(s, group, [&](std::string_view key, std::size_t scopes, std::size_t) {
        if (key != "scopeSpans" && key != "scope_spans" && key != "instrumentationLibrarySpans") return;
        elements(s, scopes, [&](std::size_t scopeAt, std::size_t) {
          members(s, scopeAt, [&](std::string_view inner, std::size_t spans, std::size_t) {
            if (inner != "spans") return;
            elements(s, spans, [&](std::size_t begin, std::size_t end) {
              units.push_back({begin, end - begin, "{\"resource\":" + std::string(resource) + ",\"span\":" + std::string(s.substr(begin, end - begin)) + "}"});
            });
          });
        });
      });
    });
  });
}

/// The member whose elements are the records; empty when there is none.
std::string_view listMember(const Maybe& root) {
  const auto ofObjects = [&](std::string_view name) { return dom::isArray(get(root, name)) && (!dom::first(get(root, name)) || dom::isObject(dom::first(get(root, name)))); };
  if (ofObjects("data") && (dom::strOr(get(root, "object")) == "list" || get(root, "has_more") || dom::isObject(get(root, "meta")) || get(root, "nextCursor"))) return "data";
  if (ofObjects("logEvents") && !get(root, "modelId")) return "logEvents";
  if (ofObjects("events") && get(dom::first(get(root, "events")), "message") && !get(root, "attributes")) return "events";
  if (ofObjects("observations") && !get(root, "traceId")) return "observations";
  if (ofObjects("runs") && !get(root, "run_type")) return "runs";
  return {};
}

}  // namespace

bool isContainer(const Maybe& root) {
  if (!dom::isObject(root)) return false;
  return dom::isArray(get(root, "resourceSpans")) || dom::isArray(get(root, "resource_spans")) || !listMember(root).empty();
}

std::vector<Unit> unitsOf(std::string_view text, const Maybe& root) {
  std::vector<Unit> units;
  if (get(root, "resourceSpans") || get(root, "resource_spans")) {
    spansOf(text, units);
    return units;
  }
  const auto name = listMember(root);
  members(text, 0, [&](std::string_view key, std::size_t begin, std::size_t) {
    if (key != name || name.empty()) return;
    units.clear();   // of members named twice the last one counts
    elements(text, begin, [&](std::size_t from, std::size_t to) { units.push_back({from, to - from, {}}); });
  });
  return units;
}

}  // namespace retort::logs

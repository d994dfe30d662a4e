// Reading members of a record in SQL, be it a text or a row of columns: what the mappings are made of. Only remote_mapping*.cpp include this.
#pragma once
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "logs/record.h"
#include "logs/remote_mapping.h"

namespace retort::logs::remote {

/// Conditions joined; empty ones say nothing.
[[nodiscard]] inline std::string either(const std::vector<std::string>& conditions, std::string_view word) {
  std::vector<std::string> given;
  for (const auto& condition : conditions)
    if (!condition.empty()) given.push_back(condition);
  if (given.empty()) return {};
  return given.size() == 1 ? given[0] : "(" + join(given, " " + std::string(word) + " ") + ")";
}
[[nodiscard]] inline std::string allOf(const std::vector<std::string>& conditions) { return either(conditions, "AND"); }
[[nodiscard]] inline std::string anyOf(const std::vector<std::string>& conditions) { return either(conditions, "OR"); }

using Path = std::vector<std::string>;

/// Reads members of a record, be it a text or a row of columns. What was asked for is remembered, so that each record is parsed once for
/// all of it.
class Reader {
 public:
  Reader(const RemoteLayout& layout, const SqlDialect& dialect) : m_layout(layout), d(dialect) {}

  /// JSON below a record, one name below the other; `isOurs`: names of the format (not of people), which a store of columns may know in lower case.
  [[nodiscard]] std::string at(Path path, bool isOurs = true) {
    const auto place = placeOf(std::move(path), isOurs);
    return place ? piece(*place) : d.nothing();
  }
  /// What stands there, without taking it out: bodies are large.
  [[nodiscard]] std::string isObjectAt(const Path& path) {
    if (const auto type = typeAt(path); !type.empty()) return d.isObjectType(type);
    return d.isObject(at(path));
  }
  [[nodiscard]] std::string isMissingAt(const Path& path) {
    if (const auto type = typeAt(path); !type.empty()) return d.isMissingType(type);
    return d.isMissing(at(path));
  }
  [[nodiscard]] bool hasColumn(std::string_view name) const { return isText() || find(m_layout.isLower ? lowerAscii(name) : std::string(name)); }
  [[nodiscard]] bool isText() const { return !m_layout.textColumn.empty(); }

  /// What was asked for as columns, in stages that build on each other.
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const {
    std::vector<std::pair<std::string, std::string>> whole, pieces;
    const auto take = [&](const Asked& asked, const std::string& name, auto&& together) {
      std::size_t n = 0;
      for (const auto& [root, below] : asked) {
        std::vector<Path> paths;
        for (const auto& [path, alias] : below) paths.push_back(path);
        const auto all = together(root, paths);
        const std::string list = name + std::to_string(++n);
        if (all) whole.emplace_back(list, *all);
        std::size_t i = 0;
        for (const auto& [path, alias] : below) pieces.emplace_back(alias, all ? d.element(list, i++) : d.below(root, path));
      }
    };
    take(m_asked, "at_", [&](const std::string& root, const std::vector<Path>& paths) { return d.membersBelow(root, paths); });
    take(m_typed, "types_", [&](const std::string& root, const std::vector<Path>& paths) { return d.typesBelow(root, paths); });
    if (const auto keys = isText() ? d.keysBelow("record", holders()) : std::nullopt) whole.emplace_back("keys_of", *keys);
    return {m_columns, std::move(whole), std::move(pieces), m_model};
  }

  /// False where an object on the way to anything that was asked for names a member twice: an import takes the last one.
  [[nodiscard]] std::string isOnce() const {
    if (!isText()) return {};
    std::vector<std::string> once;
    const auto all = holders();
    const bool isTogether = d.keysBelow("record", all).has_value();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (const auto twice = isTogether ? d.isTwiceIn(d.element("keys_of", i)) : d.isTwice(d.below("record", all[i])); !twice.empty()) once.push_back("NOT coalesce(" + twice + ", false)");
    return remote::allOf(once);
  }

  /// A field of text: NULL where it is missing, empty or no text.
  [[nodiscard]] RemoteField textField(const std::string& json) const {
    return {FieldType::text, "nullif(" + d.textOf(json) + ", '')", anyOf({d.isMissing(json), d.isText(json)})};
  }
  /// Times are sure in the ISO form; anything else may be a number in one of four units.
  [[nodiscard]] RemoteField timeField(const std::string& json) const {
    return {FieldType::time, d.timeOf(d.textOf(json)), anyOf({d.isMissing(json), d.matches(d.textOf(json), kTimePattern)})};
  }
  /// What people wrote: texts, whole numbers and truth values are read alike everywhere.
  [[nodiscard]] RemoteField valueField(const std::string& json) const { return {FieldType::text, d.textOf(json), anyOf({d.isMissing(json), d.isPlain(json)})}; }

  /// normaliseModel() and the alias table, in a column of its own because it is named often.
  [[nodiscard]] std::string modelOf(const std::string& raw) {
    std::vector<std::string> regions(std::begin(kModelRegions), std::end(kModelRegions));
    std::string normal = d.replaced(raw, "^arn:([^:]*:){4}((foundation-model|inference-profile)/)?", "");
    normal = d.replaced(normal, "^(" + join(regions, "|") + R"()[.]([^.]*[.]))", "\\2");
    normal = d.replaced(normal, R"(:[0-9]+k\z)", "");
    m_model = {{"model_id", raw}, {"model_name", normal}};
    if (!m_layout.aliases || m_layout.aliases->isEmpty()) return "model_name";
    std::map<std::string, std::vector<std::string>> names;
    for (const auto& [name, model] : m_layout.aliases->exact()) names[model].push_back(d.text(name));
    std::string cases = "CASE";
    for (const char* value : {"model_id", "model_name"})
      for (const auto& [model, all] : names) cases += std::string(" WHEN ") + value + " IN (" + join(all, ", ") + ") THEN " + d.text(model);
    for (const auto& [prefix, model] : m_layout.aliases->patterns())
      cases += " WHEN " + d.startsWith("model_id", d.text(prefix)) + " OR " + d.startsWith("model_name", d.text(prefix)) + " THEN " + d.text(model);
    return cases + " ELSE model_name END";
  }

 private:
  [[nodiscard]] const RemoteColumn* find(std::string_view name) const {
    const auto found = std::find_if(m_layout.columns.begin(), m_layout.columns.end(), [&](const RemoteColumn& column) { return column.name == name; });
    return found == m_layout.columns.end() ? nullptr : &*found;
  }
  using Asked = std::map<std::string, std::map<Path, std::string>>;   ///< by root: what is below it, and its name

  /// Where a path begins (the record, or a column as JSON) and what is below; nothing when there is no such column.
  struct Place {
    std::string root;
    Path below;
    std::string shown;
  };
  [[nodiscard]] std::optional<Place> placeOf(Path path, bool isOurs) {
    const std::string shownPath = "/" + join(path, "/");
    if (isText()) return Place{"record", std::move(path), shownPath};
    if (isOurs && m_layout.isLower)
      for (auto& name : path) name = lowerAscii(name);
    const auto* column = find(path.front());
    if (!column) return std::nullopt;
    const std::string root = d.name("json of /" + path.front());
    const std::pair<std::string, std::string> made(root, d.jsonOfColumn(d.name(column->name), column->type));
    if (std::find(m_columns.begin(), m_columns.end(), made) == m_columns.end()) m_columns.push_back(made);
    return Place{root, {path.begin() + 1, path.end()}, shownPath};
  }
  /// The column that will hold it.
  std::string piece(const Place& place) { return m_asked[place.root].try_emplace(place.below, d.name(place.shown)).first->second; }
  /// The column that will hold the type of it; "" where the engine has no such call.
  std::string typeAt(const Path& path) {
    const auto place = placeOf(path, true);
    if (!place || !d.typesBelow(place->root, std::vector<Path>(1, place->below))) return {};
    return m_typed[place->root].try_emplace(place->below, d.name("type of " + place->shown)).first->second;
  }
  /// The objects on the way to every piece of a text, the record first.
  [[nodiscard]] std::vector<Path> holders() const {
    std::set<Path> all;
    for (const auto* asked : {&m_asked, &m_typed})
      for (const auto& [root, below] : *asked)
        for (const auto& [path, alias] : below)
          for (std::size_t n = 0; n < path.size(); ++n) all.emplace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(n));
    return {all.begin(), all.end()};
  }

  const RemoteLayout m_layout;
  const SqlDialect& d;
  Asked m_asked, m_typed;                                             ///< values; paths whose type alone is asked for
  std::vector<std::pair<std::string, std::string>> m_columns;         ///< columns as JSON
  std::vector<std::pair<std::string, std::string>> m_model;
};

[[nodiscard]] std::unique_ptr<RemoteMapping> bedrockMapping(const RemoteLayout& layout, const SqlDialect& dialect);
[[nodiscard]] std::unique_ptr<RemoteMapping> mapMapping(const RemoteLayout& layout, const SqlDialect& dialect);

}  // namespace retort::logs::remote

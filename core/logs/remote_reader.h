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
    if (isText()) return piece("record", path);
    if (isOurs && m_layout.isLower)
      for (auto& name : path) name = lowerAscii(name);
    const auto* column = find(path.front());
    if (!column) return d.nothing();
    const auto root = d.jsonOfColumn(d.name(column->name), column->type);
    return piece(root, {path.begin() + 1, path.end()}, path.front());
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
    int n = 0;
    for (const auto& [root, asked] : m_asked) {
      std::vector<Path> paths;
      for (const auto& [path, alias] : asked) paths.push_back(path);
      const auto all = d.membersBelow(root, paths);
      const std::string name = "at_" + std::to_string(++n);
      if (all) whole.emplace_back(name, *all);
      std::size_t i = 0;
      for (const auto& [path, alias] : asked) {
        pieces.emplace_back(alias, all ? d.element(name, i) : d.below(root, path));
        ++i;
      }
    }
    if (isText()) {
      std::vector<Path> typed;
      for (const auto& [path, alias] : m_typed) {
        pieces.emplace_back(alias, d.element("types_of", typed.size()));
        typed.push_back(path);
      }
      if (!typed.empty()) whole.emplace_back("types_of", *d.typesBelow("record", typed));
      if (const auto keys = d.keysBelow("record", holders())) whole.emplace_back("keys_of", *keys);
    }
    return {std::move(whole), std::move(pieces), m_model};
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
  /// The column that will hold it.
  std::string piece(const std::string& root, const Path& path, const std::string& before = {}) {
    auto [place, isNew] = m_asked[root].try_emplace(path);
    if (isNew) {
      std::string name = before.empty() ? std::string() : "/" + before;
      for (const auto& step : path) name += "/" + step;
      place->second = d.name(name);
    }
    return place->second;
  }
  /// The column that will hold the type of it; "" where the engine has no such call.
  std::string typeAt(const Path& path) {
    if (!isText() || !d.typesBelow("record", {path})) return {};
    auto [place, isNew] = m_typed.try_emplace(path);
    if (isNew) place->second = d.name("type of /" + join(path, "/"));
    return place->second;
  }
  /// The objects on the way to every piece of a text, the record first.
  [[nodiscard]] std::vector<Path> holders() const {
    std::set<Path> all;
    for (const auto& [root, asked] : m_asked)
      for (const auto& [path, alias] : asked)
        for (std::size_t n = 0; n < path.size(); ++n) all.emplace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(n));
    for (const auto& [path, alias] : m_typed)
      for (std::size_t n = 0; n < path.size(); ++n) all.emplace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(n));
    return {all.begin(), all.end()};
  }

  const RemoteLayout m_layout;
  const SqlDialect& d;
  std::map<std::string, std::map<Path, std::string>> m_asked;   ///< by root: what is below it, and its name
  std::map<Path, std::string> m_typed;                          ///< of a text: paths whose type is asked for
  std::vector<std::pair<std::string, std::string>> m_model;
};

[[nodiscard]] std::unique_ptr<RemoteMapping> bedrockMapping(const RemoteLayout& layout, const SqlDialect& dialect);
[[nodiscard]] std::unique_ptr<RemoteMapping> mapMapping(const RemoteLayout& layout, const SqlDialect& dialect);

}  // namespace retort::logs::remote

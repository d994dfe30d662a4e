// What filters need of an engine's SQL: literals, names, and reading JSON. One implementation an engine; nothing here runs anything.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::logs {

enum class SqlEngine : std::uint8_t { duckdb, athena, clickhouse };
/// "duckdb", "athena", "clickhouse".
[[nodiscard]] std::string_view engineName(SqlEngine engine);
/// Error "logs.remote.engine", naming the nearest one.
Result<SqlEngine> parseEngine(std::string_view name);

/// Arguments and results are SQL expressions, unless they are said to be plain texts. "JSON" is whatever the engine holds JSON in; a JSON
/// null and a missing member are both told by isMissing().
class SqlDialect {
 public:
  virtual ~SqlDialect() = default;
  /// A text as a literal: no plain text, whatever it holds, ends it. Never with a line break or another control character in it.
  [[nodiscard]] virtual std::string text(std::string_view plain) const = 0;
  /// A table's, a column's or an alias's name.
  [[nodiscard]] virtual std::string name(std::string_view plain) const = 0;
  /// A number as a literal of the type of numbers().
  [[nodiscard]] static std::string number(double value);
  /// The type of texts that may be NULL.
  [[nodiscard]] virtual std::string textType() const { return "VARCHAR"; }
  [[nodiscard]] std::string castText(const std::string& value) const { return "CAST(" + value + " AS " + textType() + ")"; }
  /// A moment in microseconds since 1970 as a literal of the type of timeOf().
  [[nodiscard]] virtual std::string time(std::int64_t micros) const = 0;
  /// Statements that go before every query (functions that it uses); may be empty.
  [[nodiscard]] virtual std::string prelude() const { return {}; }

  /// The JSON of a column: the text it holds, or its value.
  [[nodiscard]] virtual std::string jsonOfText(const std::string& column) const = 0;
  [[nodiscard]] virtual std::string jsonOfColumn(const std::string& column, std::string_view type) const = 0;
  /// Behind AS: a part of a query that is worked out once, however often it is named.
  [[nodiscard]] virtual std::string_view once() const { return {}; }
  /// A column of a result, such that its value can be read as JSON again.
  [[nodiscard]] virtual std::string exported(std::string_view column, std::string_view) const { return name(column); }
  /// A missing JSON.
  [[nodiscard]] virtual std::string nothing() const = 0;
  /// The last member of this (plain) name; missing where `json` is no object.
  [[nodiscard]] virtual std::string member(const std::string& json, std::string_view key) const = 0;
  /// The same of names one below the other.
  [[nodiscard]] virtual std::string below(const std::string& json, const std::vector<std::string>& path) const;
  /// Many members at once, as a list: below `json`, (plain) names one under the other; and the names of many objects' members. Nothing where
  /// the engine has no such call. Of members of one name it may take any.
  [[nodiscard]] virtual std::optional<std::string> membersBelow(const std::string&, const std::vector<std::vector<std::string>>&) const { return std::nullopt; }
  [[nodiscard]] virtual std::optional<std::string> keysBelow(const std::string&, const std::vector<std::vector<std::string>>&) const { return std::nullopt; }
  [[nodiscard]] virtual std::optional<std::string> typesBelow(const std::string&, const std::vector<std::vector<std::string>>&) const { return std::nullopt; }
  [[nodiscard]] virtual std::string isObjectType(const std::string&) const { return {}; }    ///< of one of typesBelow()
  [[nodiscard]] virtual std::string isMissingType(const std::string&) const { return {}; }
  [[nodiscard]] virtual std::string element(const std::string& list, std::size_t index) const { return list + "[" + std::to_string(index + 1) + "]"; }
  [[nodiscard]] virtual std::string isTwiceIn(const std::string&) const { return {}; }   ///< of a list of names
  [[nodiscard]] virtual std::string isObject(const std::string& json) const = 0;
  [[nodiscard]] virtual std::string isMissing(const std::string& json) const = 0;
  [[nodiscard]] virtual std::string isText(const std::string& json) const = 0;
  [[nodiscard]] virtual std::string isInteger(const std::string& json) const = 0;
  /// A text, a whole number or a truth value: what an import reads as this text. Nothing else is read the same everywhere.
  [[nodiscard]] virtual std::string isPlain(const std::string& json) const = 0;
  /// The text of what isPlain(), NULL for anything else.
  [[nodiscard]] virtual std::string textOf(const std::string& json) const = 0;
  /// The number of what isInteger(), NULL for anything else.
  [[nodiscard]] virtual std::string integerOf(const std::string& json) const = 0;
  /// True when an object names a member twice; "" where the engine cannot tell.
  [[nodiscard]] virtual std::string isTwice(const std::string&) const { return {}; }
  /// Of members of one name member() gives the last, as an import does.
  [[nodiscard]] virtual bool readsLast() const { return false; }

  /// The moment of an ISO text, NULL for any other.
  [[nodiscard]] virtual std::string timeOf(const std::string& text) const = 0;
  /// The decimal number that a whole text is (decimalOf), NULL for any other.
  [[nodiscard]] virtual std::string decimalOf(const std::string& text) const = 0;
  [[nodiscard]] virtual std::string differs(const std::string& value, const std::string& literal) const { return value + " IS DISTINCT FROM " + literal; }
  [[nodiscard]] virtual std::string contains(const std::string& text, const std::string& literal) const = 0;
  [[nodiscard]] virtual std::string startsWith(const std::string& text, const std::string& literal) const = 0;
  /// `plain`: of portableRegex().
  [[nodiscard]] virtual std::string matches(const std::string& text, std::string_view plain) const = 0;
  /// The text with its first match of an expression replaced.
  [[nodiscard]] virtual std::string replaced(const std::string& text, std::string_view plain, std::string_view by) const = 0;
};

/// The dialect of an engine; lives as long as the program.
[[nodiscard]] const SqlDialect& dialectOf(SqlEngine engine);

/// The expression in the part of the language that PCRE2, RE2 and Joni read alike, with what they differ in ($, \d, \w) spelled out; nothing
/// for one that goes beyond it.
[[nodiscard]] std::optional<std::string> portableRegex(std::string_view expression);

// What implementations share.

/// 'text' with quotes doubled, control characters and what `isUnsafe` names through `charCall` ("chr(10)"), joined by ||.
[[nodiscard]] std::string quotedText(std::string_view plain, std::string_view charCall);
/// "name" with quotes doubled.
[[nodiscard]] std::string quotedName(std::string_view plain);
/// Texts that decimalOf() reads, as a portable expression.
inline constexpr std::string_view kDecimalPattern = R"(^-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z)";
/// Times whose reading is beyond doubt.
inline constexpr std::string_view kTimePattern = R"(^[0-9]{4}-[0-9][0-9]-[0-9][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z|[+-][0-9][0-9]:[0-9][0-9])?\z)";

}  // namespace retort::logs

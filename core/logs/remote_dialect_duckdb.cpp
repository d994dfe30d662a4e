// DuckDB's SQL. JSON is read through small macros, because the last of equal members counts here and the first one there.
#include "logs/remote_dialects.h"

namespace retort::logs {

namespace {

class DuckDialect : public SqlDialect {
 public:
  [[nodiscard]] std::string text(std::string_view plain) const override { return quotedText(plain, "chr"); }
  [[nodiscard]] std::string name(std::string_view plain) const override { return quotedName(plain); }
  [[nodiscard]] std::string time(std::int64_t micros) const override { return "TIMESTAMPTZ '" + sqlTime(micros) + "+00'"; }
  [[nodiscard]] std::string prelude() const override {
    return "SET TimeZone = 'UTC';\n"
           "CREATE TEMP MACRO is_twice(o) AS len(json_keys(o)) <> len(list_distinct(json_keys(o)));\n"
           "CREATE TEMP MACRO member(o, k) AS CASE WHEN is_twice(o)\n"
           "  THEN list_extract(json_extract(o, '$.*'), len(json_keys(o)) + 1 - list_position(list_reverse(json_keys(o)), k))\n"
           "  ELSE json_extract(o, '/' || replace(replace(k, '~', '~0'), '/', '~1')) END;\n"
           "CREATE TEMP MACRO is_missing(j) AS coalesce(json_type(j) = 'NULL', true);\n"
           "CREATE TEMP MACRO text_of(j) AS CASE WHEN json_type(j) IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') THEN j ->> '$' END;\n"
           "CREATE TEMP MACRO integer_of(j) AS CASE WHEN json_type(j) IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(j ->> '$' AS BIGINT) END;\n"
           "CREATE TEMP MACRO decimal_of(t) AS CASE WHEN regexp_matches(t, " + text(kDecimalPattern) + ") AND isfinite(TRY_CAST(t AS DOUBLE))\n"
           "  AND (TRY_CAST(t AS DOUBLE) <> 0 OR regexp_matches(t, '^[-0.]*([eE]|\\z)')) THEN TRY_CAST(t AS DOUBLE) END;\n"
           "CREATE TEMP MACRO time_of(t) AS CASE WHEN regexp_matches(t, " + text(kTimePattern) + ") THEN TRY_CAST(t AS TIMESTAMPTZ) END;\n";
  }

  [[nodiscard]] std::string jsonOfText(const std::string& column) const override { return "CASE WHEN json_valid(" + column + ") THEN CAST(" + column + " AS JSON) END"; }
  [[nodiscard]] std::string jsonOfColumn(const std::string& column, std::string_view) const override { return sqlCall("to_json", {column}); }
  [[nodiscard]] std::string nothing() const override { return "CAST(NULL AS JSON)"; }
  [[nodiscard]] std::string member(const std::string& json, std::string_view key) const override { return sqlCall("member", {json, text(key)}); }
  // Every call that parses whole records keeps all that it parsed of two thousand of them: there may be few.
  [[nodiscard]] std::optional<std::string> membersBelow(const std::string& json, const std::vector<std::vector<std::string>>& paths) const override {
    return sqlCall("json_extract", {json, pointers(paths)});
  }
  [[nodiscard]] std::optional<std::string> keysBelow(const std::string& json, const std::vector<std::vector<std::string>>& paths) const override {
    return sqlCall("json_keys", {json, pointers(paths)});
  }
  [[nodiscard]] std::optional<std::string> typesBelow(const std::string& json, const std::vector<std::vector<std::string>>& paths) const override {
    return sqlCall("json_type", {json, pointers(paths)});
  }
  [[nodiscard]] std::string isObjectType(const std::string& type) const override { return type + " = 'OBJECT'"; }
  [[nodiscard]] std::string isMissingType(const std::string& type) const override { return "coalesce(" + type + " = 'NULL', true)"; }
  [[nodiscard]] std::string_view once() const override { return "MATERIALIZED "; }
  [[nodiscard]] std::string isTwiceIn(const std::string& names) const override { return "len(" + names + ") <> len(list_distinct(" + names + "))"; }
  [[nodiscard]] std::string isObject(const std::string& json) const override { return sqlCall("json_type", {json}) + " = 'OBJECT'"; }
  [[nodiscard]] std::string isMissing(const std::string& json) const override { return sqlCall("is_missing", {json}); }
  [[nodiscard]] std::string isText(const std::string& json) const override { return sqlCall("json_type", {json}) + " = 'VARCHAR'"; }
  [[nodiscard]] std::string isInteger(const std::string& json) const override { return sqlCall("integer_of", {json}) + " IS NOT NULL"; }
  [[nodiscard]] std::string isPlain(const std::string& json) const override { return sqlCall("text_of", {json}) + " IS NOT NULL"; }
  [[nodiscard]] std::string textOf(const std::string& json) const override { return sqlCall("text_of", {json}); }
  [[nodiscard]] std::string integerOf(const std::string& json) const override { return sqlCall("integer_of", {json}); }
  [[nodiscard]] std::string isTwice(const std::string& json) const override { return sqlCall("is_twice", {json}); }
  [[nodiscard]] bool readsLast() const override { return true; }
  [[nodiscard]] std::string timeOf(const std::string& value) const override { return sqlCall("time_of", {value}); }
  [[nodiscard]] std::string decimalOf(const std::string& value) const override { return sqlCall("decimal_of", {value}); }
  [[nodiscard]] std::string contains(const std::string& value, const std::string& literal) const override { return sqlCall("contains", {value, literal}); }
  [[nodiscard]] std::string startsWith(const std::string& value, const std::string& literal) const override { return sqlCall("starts_with", {value, literal}); }
  [[nodiscard]] std::string matches(const std::string& value, std::string_view plain) const override { return sqlCall("regexp_matches", {value, text(plain)}); }
  [[nodiscard]] std::string replaced(const std::string& value, std::string_view plain, std::string_view by) const override {
    return sqlCall("regexp_replace", {value, text(plain), text(by)});
  }

 private:
  /// JSON pointers (RFC 6901); the document itself is "$" here.
  [[nodiscard]] std::string pointers(const std::vector<std::vector<std::string>>& paths) const {
    std::string out = "[";
    for (const auto& path : paths) {
      std::string pointer = path.empty() ? "$" : "";
      for (const auto& step : path) {
        pointer += '/';
        for (const char c : step) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
      }
      out += (out.size() > 1 ? ", " : "") + text(pointer);
    }
    return out + "]";
  }
};

}  // namespace

const SqlDialect& duckDialect() {
  static const DuckDialect dialect;
  return dialect;
}

}  // namespace retort::logs

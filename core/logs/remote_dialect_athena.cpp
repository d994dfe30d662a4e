// Athena's SQL (Trino's). Its JSON has no type function, so the first character of the JSON text tells.
#include "logs/remote_dialects.h"

namespace retort::logs {

namespace {

class AthenaDialect : public SqlDialect {
 public:
  [[nodiscard]] std::string text(std::string_view plain) const override { return quotedText(plain, "chr"); }
  [[nodiscard]] std::string name(std::string_view plain) const override { return quotedName(plain); }
  [[nodiscard]] std::string time(std::int64_t micros) const override { return "TIMESTAMP '" + sqlTime(micros) + " UTC'"; }

  [[nodiscard]] std::string jsonOfText(const std::string& column) const override { return "TRY(json_parse(" + column + "))"; }
  [[nodiscard]] std::string jsonOfColumn(const std::string& column, std::string_view) const override { return "CAST(" + column + " AS JSON)"; }
  // Results are CSV: lists, maps and structures would come in a form that nothing can read back.
  [[nodiscard]] std::string exported(std::string_view column, std::string_view type) const override {
    const bool isNested = type.starts_with("array") || type.starts_with("map") || type.starts_with("struct") || type.starts_with("row");
    return isNested ? "json_format(CAST(" + name(column) + " AS JSON)) AS " + name(column) : name(column);
  }
  [[nodiscard]] std::string nothing() const override { return "CAST(NULL AS JSON)"; }
  [[nodiscard]] std::string member(const std::string& json, std::string_view key) const override { return below(json, {std::string(key)}); }
  [[nodiscard]] std::string below(const std::string& json, const std::vector<std::string>& names) const override {
    if (names.empty()) return json;
    std::string path = "$";
    for (const auto& key : names) {
      path += "[\"";
      for (const char c : key) {
        if (c == '"' || c == '\\') path += '\\';
        path += c;
      }
      path += "\"]";
    }
    return sqlCall("json_extract", {json, text(path)});
  }
  [[nodiscard]] std::string isObject(const std::string& json) const override { return formatted(json) + " LIKE '{%'"; }
  [[nodiscard]] std::string isMissing(const std::string& json) const override { return "coalesce(" + formatted(json) + " = 'null', true)"; }
  [[nodiscard]] std::string isText(const std::string& json) const override { return formatted(json) + " LIKE '\"%'"; }
  [[nodiscard]] std::string isInteger(const std::string& json) const override { return integerOf(json) + " IS NOT NULL"; }
  [[nodiscard]] std::string isPlain(const std::string& json) const override { return sqlCall("regexp_like", {formatted(json), text(R"(^("|-?[0-9]+\z|true|false))")}); }
  [[nodiscard]] std::string textOf(const std::string& json) const override { return "json_extract_scalar(" + json + ", '$')"; }
  [[nodiscard]] std::string integerOf(const std::string& json) const override { return "TRY_CAST(" + formatted(json) + " AS bigint)"; }
  [[nodiscard]] std::string timeOf(const std::string& value) const override {
    return "CASE WHEN " + matches(value, kTimePattern) + " THEN TRY(from_iso8601_timestamp_nanos(replace(" + value + ", ' ', 'T'))) END";
  }
  [[nodiscard]] std::string decimalOf(const std::string& value) const override {
    return "CASE WHEN " + matches(value, kDecimalPattern) + " AND is_finite(TRY_CAST(" + value + " AS double)) THEN TRY_CAST(" + value + " AS double) END";
  }
  [[nodiscard]] std::string contains(const std::string& value, const std::string& literal) const override { return sqlCall("strpos", {value, literal}) + " > 0"; }
  [[nodiscard]] std::string startsWith(const std::string& value, const std::string& literal) const override { return sqlCall("starts_with", {value, literal}); }
  [[nodiscard]] std::string matches(const std::string& value, std::string_view plain) const override { return sqlCall("regexp_like", {value, text(plain)}); }
  [[nodiscard]] std::string replaced(const std::string& value, std::string_view plain, std::string_view by) const override {
    std::string group(by);
    for (std::size_t i = 0; i + 1 < group.size(); ++i)
      if (group[i] == '\\') group[i] = '$';
    return sqlCall("regexp_replace", {value, text(plain), text(group)});
  }

 private:
  static std::string formatted(const std::string& json) { return sqlCall("json_format", {json}); }
};

}  // namespace

const SqlDialect& athenaDialect() {
  static const AthenaDialect dialect;
  return dialect;
}

}  // namespace retort::logs

// ClickHouse's SQL. JSON is text there; "" stands for what is missing.
#include "logs/remote_dialects.h"

namespace retort::logs {

namespace {

class ClickHouseDialect : public SqlDialect {
 public:
  [[nodiscard]] std::string text(std::string_view plain) const override { return escaped(plain, '\''); }
  [[nodiscard]] std::string name(std::string_view plain) const override { return escaped(plain, '"'); }
  [[nodiscard]] std::string textType() const override { return "Nullable(String)"; }
  [[nodiscard]] std::string time(std::int64_t micros) const override { return "toDateTime64('" + sqlTime(micros) + "', 6, 'UTC')"; }

  [[nodiscard]] std::string jsonOfText(const std::string& column) const override { return "if(isValidJSON(" + column + "), " + column + ", '')"; }
  [[nodiscard]] std::string jsonOfColumn(const std::string& column, std::string_view) const override { return "ifNull(toJSONString(" + column + "), '')"; }
  [[nodiscard]] std::string nothing() const override { return "''"; }
  [[nodiscard]] std::string member(const std::string& json, std::string_view key) const override { return below(json, {std::string(key)}); }
  [[nodiscard]] std::string below(const std::string& json, const std::vector<std::string>& path) const override {
    if (path.empty()) return json;
    std::string out = "JSONExtractRaw(" + json;
    for (const auto& key : path) out += ", " + text(key);
    return out + ")";
  }
  [[nodiscard]] std::string isObject(const std::string& json) const override { return type(json) + " = 'Object'"; }
  [[nodiscard]] std::string isMissing(const std::string& json) const override { return type(json) + " = 'Null'"; }
  [[nodiscard]] std::string isText(const std::string& json) const override { return type(json) + " = 'String'"; }
  [[nodiscard]] std::string isInteger(const std::string& json) const override { return type(json) + " IN ('Int64', 'UInt64')"; }
  [[nodiscard]] std::string isPlain(const std::string& json) const override { return type(json) + " IN ('String', 'Int64', 'UInt64', 'Bool')"; }
  [[nodiscard]] std::string textOf(const std::string& json) const override {
    return "multiIf(" + isText(json) + ", JSONExtractString(" + json + "), " + isPlain(json) + ", " + json + ", NULL)";
  }
  [[nodiscard]] std::string integerOf(const std::string& json) const override { return "if(" + isInteger(json) + ", JSONExtractInt(" + json + "), NULL)"; }
  [[nodiscard]] std::string isTwice(const std::string& json) const override {
    return "length(JSONExtractKeys(" + json + ")) <> length(arrayDistinct(JSONExtractKeys(" + json + ")))";
  }
  [[nodiscard]] std::string timeOf(const std::string& value) const override {
    return "if(" + matches(value, kTimePattern) + ", parseDateTime64BestEffortOrNull(" + value + ", 6, 'UTC'), NULL)";
  }
  [[nodiscard]] std::string decimalOf(const std::string& value) const override {
    return "if(" + matches(value, kDecimalPattern) + " AND isFinite(toFloat64OrZero(" + value + ")), toFloat64OrNull(" + value + "), NULL)";
  }
  [[nodiscard]] std::string differs(const std::string& value, const std::string& literal) const override { return "(" + value + " IS NULL OR " + value + " <> " + literal + ")"; }
  [[nodiscard]] std::string contains(const std::string& value, const std::string& literal) const override { return sqlCall("position", {value, literal}) + " > 0"; }
  [[nodiscard]] std::string startsWith(const std::string& value, const std::string& literal) const override { return sqlCall("startsWith", {value, literal}); }
  // Its dot takes line breaks unless told otherwise.
  [[nodiscard]] std::string matches(const std::string& value, std::string_view plain) const override { return sqlCall("match", {value, text("(?-s)" + std::string(plain))}); }
  [[nodiscard]] std::string replaced(const std::string& value, std::string_view plain, std::string_view by) const override {
    return sqlCall("replaceRegexpOne", {value, text(plain), text(by)});
  }

 private:
  static std::string type(const std::string& json) { return sqlCall("JSONType", {json}); }
  static std::string escaped(std::string_view plain, char quote) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out(1, quote);
    for (const char c : plain) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) out += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
      else if (c == quote || c == '\\') out += std::string("\\") + c;
      else out += c;
    }
    return out + quote;
  }
};

}  // namespace

const SqlDialect& clickhouseDialect() {
  static const ClickHouseDialect dialect;
  return dialect;
}

}  // namespace retort::logs

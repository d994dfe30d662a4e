// JSON with the order of keys kept (nlohmann), parsed under limits; and a strict reader of objects that names what is wrong.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort {

using Json = nlohmann::ordered_json;

/// Parses one document. `where` names the source in the error (a path, "spec.json"). Deeper than `maxDepth`, duplicate
/// keys (when `refuseDuplicates`), trailing text and invalid UTF-8 are errors with line and column.
Result<Json> parseJson(std::string_view text, std::string_view where, int maxDepth = 64, bool refuseDuplicates = false);
/// Reads and parses a file of at most `maxBytes`.
Result<Json> readJsonFile(const std::filesystem::path& path, std::uint64_t maxBytes = 64u << 20);
/// Writes `value` as a file, atomically (temp, fsync, rename), indented by two, with a final newline.
Status writeJsonFile(const std::filesystem::path& path, const Json& value);
/// One line, UTF-8 kept, invalid UTF-8 replaced: never throws.
[[nodiscard]] std::string dumpJson(const Json& value);
/// A finite number as JSON number, others as the strings "nan", "inf", "-inf" (the rule of events.jsonl).
[[nodiscard]] Json jsonNumber(double value);
/// The reverse of jsonNumber; anything else is `otherwise`.
[[nodiscard]] double numberOf(const Json& value, double otherwise);

/// Reads the members of one JSON object and remembers the first thing wrong with it. Use:
///   ObjectReader r(json, "spec.json: train");  r.required("lr", lr);  r.optional("seed", seed);  RETORT_CHECK(r.finish());
/// finish() also refuses members nobody asked for, naming the nearest known one ("Did you mean learning_rate?").
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string where);

  template <typename T>
  ObjectReader& required(std::string_view key, T& out) { return read(key, out, true); }
  template <typename T>
  ObjectReader& optional(std::string_view key, T& out) { return read(key, out, false); }
  /// The member itself, or null; counts as known.
  const Json* member(std::string_view key, bool isRequired = false);
  /// Adds an error of the caller's own, such as a value out of range: "must be between 0 and 1".
  void fail(std::string_view key, std::string_view why);
  /// Checks lo <= value <= hi for a number already read.
  ObjectReader& range(std::string_view key, double value, double lo, double hi);
  [[nodiscard]] bool failed() const { return m_failed; }
  [[nodiscard]] const std::string& where() const { return m_where; }
  /// The first error, or success. `allowUnknown` keeps strange members without complaint.
  Status finish(bool allowUnknown = false);

 private:
  ObjectReader& read(std::string_view key, std::string& out, bool isRequired);
  ObjectReader& read(std::string_view key, bool& out, bool isRequired);
  ObjectReader& read(std::string_view key, double& out, bool isRequired);
  ObjectReader& read(std::string_view key, std::int64_t& out, bool isRequired);
  ObjectReader& read(std::string_view key, int& out, bool isRequired);
  ObjectReader& read(std::string_view key, std::uint64_t& out, bool isRequired);
  ObjectReader& read(std::string_view key, std::vector<std::string>& out, bool isRequired);
  ObjectReader& read(std::string_view key, std::vector<int>& out, bool isRequired);
  ObjectReader& read(std::string_view key, Json& out, bool isRequired);

  const Json& m_object;
  std::string m_where;
  std::vector<std::string> m_known;
  bool m_failed = false;
  Error m_error;
};

/// The entry of `known` nearest to `word` by edit distance, or empty when none is near.
[[nodiscard]] std::string nearestName(std::string_view word, const std::vector<std::string>& known);

}  // namespace retort

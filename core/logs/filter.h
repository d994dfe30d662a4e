// Filters: an expression over metadata and built-in fields; text in and out, words, Bedrock's JSON, and the test of one record.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "logs/record.h"

namespace retort::logs {

enum class FilterOp { equal, notEqual, less, lessEqual, greater, greaterEqual, in, between, contains, prefix, regex, exists, match };

/// A value as written: text in quotes or a bare number (its spelling is kept).
struct FilterValue {
  std::string text;
  bool isNumber = false;
  bool operator==(const FilterValue&) const = default;
};

/// One node: `all` (matches everything), a test of one field, or not/and/or over children.
struct FilterNode {
  enum class Kind { all, test, notNode, andNode, orNode } kind = Kind::all;
  std::string field;                    ///< metadata key, or "@name" of a built-in when isBuiltIn
  bool isBuiltIn = false;
  FilterOp op = FilterOp::equal;
  std::vector<FilterValue> values;      ///< one; in: any; between: two; exists: none
  std::vector<FilterNode> children;
  bool operator==(const FilterNode&) const = default;
};

/// What `key != value` means for a record without the key.
enum class Missing { differs, absent };

struct Filter {
  FilterNode root;
  Missing missing = Missing::differs;
  bool operator==(const Filter&) const = default;
  [[nodiscard]] bool matchesAll() const { return root.kind == FilterNode::Kind::all; }
};

/// Type of a built-in field, which decides the tests it takes.
/// id: a text that is looked up whole, never searched in.
enum class FieldType { text, number, time, flags, search, id };
struct BuiltIn {
  std::string_view name;                ///< "@model"
  FieldType type;
  std::string_view words;               ///< "the model"
};
[[nodiscard]] const std::vector<BuiltIn>& builtIns();
[[nodiscard]] const BuiltIn* findBuiltIn(std::string_view name);
/// Derived fields and what people said: no single record tells them, so they cannot choose what an import takes.
[[nodiscard]] bool isKnownOnlyInStore(std::string_view name);

/// Parses filter text; blank text matches all records. Errors (filter.*) have the position in `where`, the text with a
/// caret under the place in `detail`, and name the nearest valid word in `next`.
Result<Filter> parseFilter(std::string_view text);
/// The canonical text: parseFilter(printFilter(f)) == f.
[[nodiscard]] std::string printFilter(const Filter& filter);
/// A reading in plain words: "env is \"prod\", and the model is not \"…\" (or missing)".
[[nodiscard]] std::string filterInWords(const Filter& filter);

/// Bedrock's requestMetadataFilters, bare or under that name. Duplicate members are refused with advice to use andAll.
Result<Filter> filterFromBedrock(std::string_view json);
/// The reverse; the error names the first clause that Bedrock cannot say.
Result<Json> filterToBedrock(const Filter& filter);

/// Every clause that Bedrock cannot say, with the reason; empty when it can say all of it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> beyondBedrock(const Filter& filter);

/// The filter without the clauses of a key, so that its facet shows what else could be chosen.
[[nodiscard]] Filter withoutClausesOf(const Filter& filter, std::string_view name, bool isBuiltIn);

/// The slow and plain test of one record, which the index must agree with. Regular expressions are compiled once.
class RecordMatcher {
 public:
  /// Error "filter.field.late" for a filter on fields that only a store knows.
  static Result<RecordMatcher> create(const Filter& filter);
  RecordMatcher(RecordMatcher&&) noexcept;
  RecordMatcher& operator=(RecordMatcher&&) noexcept;
  ~RecordMatcher();
  [[nodiscard]] bool matches(const Record& record) const;

 private:
  struct State;
  explicit RecordMatcher(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

/// The value of a metadata text as a decimal number; nothing when it is none ("1e3", "-2.5" are; "0x1", "nan", " 1" are not).
[[nodiscard]] std::optional<double> decimalOf(std::string_view text);

}  // namespace retort::logs

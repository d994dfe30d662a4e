// derived.db beside logs.db: fields that are worked out from whole records, by segments of ids; re-creatable. Shared by its writer and readers.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace retort::logs {

/// Order is stored: only ever add.
enum class DerivedField : int { system, family, conversation, step, caller, account, tools, params, language, repeat, cost, promptHash };
inline constexpr int kDerivedFields = 12;

struct DerivedFieldInfo {
  std::string_view name;                   ///< "@system"; empty: internal
  enum class Kind { text, number, root } kind;   ///< text: codes of the table `value`; root: the dense id of a conversation's first call
  double scale = 1;                        ///< of numbers
  std::string_view rule;                   ///< version of its rule, stored with it
};
inline constexpr std::array<DerivedFieldInfo, kDerivedFields> kDerived = {{
    {"@system", DerivedFieldInfo::Kind::text, 1, "system/1"},
    {"@family", DerivedFieldInfo::Kind::text, 1, "family/1"},
    {"@conversation", DerivedFieldInfo::Kind::root, 1, "conv/1"},
    {"@step", DerivedFieldInfo::Kind::number, 1, "conv/1"},
    {"@caller", DerivedFieldInfo::Kind::text, 1, "caller/1"},
    {"@account", DerivedFieldInfo::Kind::text, 1, "account/1"},
    {"@tools", DerivedFieldInfo::Kind::text, 1, "tools/1"},
    {"@params", DerivedFieldInfo::Kind::text, 1, "params/1"},
    {"@language", DerivedFieldInfo::Kind::text, 1, "language/1"},
    {"@repeat", DerivedFieldInfo::Kind::text, 1, "repeat/1"},
    {"@cost", DerivedFieldInfo::Kind::number, 1e9, "cost/1"},
    {"", DerivedFieldInfo::Kind::number, 1, ""},
}};

inline constexpr std::int64_t kFamilyOther = 0;     ///< of `value`.code in @family: in no family
inline constexpr std::uint64_t kFewRecords = 20;    ///< a family of fewer is the system's `other`

/// Opens derived.db in `folder`; with `create` it is made or brought up to date, else "store.open.missing" where there is none.
Result<store::Database> openDerived(const std::filesystem::path& folder, bool create);

}  // namespace retort::logs

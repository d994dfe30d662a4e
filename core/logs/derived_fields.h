// Derived fields as readers see them: postings and columns read from derived.db when a filter, a facet or a table first asks for them.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "logs/derived_schema.h"
#include "logs/snapshot.h"

namespace retort::logs {

class DerivedFields : public ExtraFields {
 public:
  /// `before` itself when nothing changed; null where nothing was derived yet, or for records that have been moved since.
  static Result<std::shared_ptr<const DerivedFields>> refreshed(const std::shared_ptr<const DerivedFields>& before, const std::filesystem::path& folder,
                                                                const Snapshot& snapshot);
  /// Ids below it have their fields.
  [[nodiscard]] std::uint32_t upTo() const { return m_upTo; }
  [[nodiscard]] std::vector<std::pair<std::string, bool>> names() const override;
  Result<std::shared_ptr<const SnapshotKey>> key(std::string_view name, bool isBuiltIn) const override;
  Result<std::shared_ptr<const ExtraColumn>> column(std::string_view name) const override;
  Result<IdSet> idsOf(std::string_view name, std::string_view value) const override;
  /// What people read for a value of @system or @family: the beginning of the system prompt, or the family's name; else empty.
  Result<std::string> describe(std::string_view field, std::string_view value) const;
  /// Codes of one field: dictionary codes, numbers, or root ids. Shared.
  Result<std::shared_ptr<const ExtraColumn>> codes(DerivedField field) const;
  /// The @conversation text of a root.
  Result<std::string> conversationText(std::uint32_t root) const;

 private:
  struct Shared;                                       ///< the connection and its lock
  Result<std::shared_ptr<const SnapshotKey>> textKey(DerivedField field) const;
  Result<std::shared_ptr<const SnapshotKey>> conversationKey() const;
  std::shared_ptr<Shared> m_shared;
  std::int64_t m_version = -1;
  std::uint32_t m_upTo = 0;
  mutable std::mutex m_mutex;
  mutable std::map<int, std::shared_ptr<const ExtraColumn>> m_columns;
  mutable std::map<int, std::shared_ptr<const SnapshotKey>> m_keys;
};

}  // namespace retort::logs

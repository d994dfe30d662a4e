// What people said of the records, as fields of the index: @tags, @rating, and annotations as columns of their own.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "logs/snapshot.h"
#include "store/people_db.h"

namespace retort::logs {

class PeopleFields : public ExtraFields {
 public:
  /// `before` itself when nothing changed; null where there is no retort.db. Errors inside it are not the logs' trouble: they give null.
  static Result<std::shared_ptr<const PeopleFields>> refreshed(const std::shared_ptr<const PeopleFields>& before, const std::filesystem::path& folder,
                                                               const Snapshot& snapshot, const store::Database& logs);
  [[nodiscard]] std::vector<std::pair<std::string, bool>> names() const override;
  Result<std::shared_ptr<const SnapshotKey>> key(std::string_view name, bool isBuiltIn) const override;
  Result<std::shared_ptr<const ExtraColumn>> column(std::string_view) const override { return std::shared_ptr<const ExtraColumn>(); }

 private:
  std::shared_ptr<const store::PeopleDb> m_db;
  std::int64_t m_version = -1, m_generation = 0;
  std::uint32_t m_end = 0;
  std::vector<std::shared_ptr<const SnapshotKey>> m_keys;
};

}  // namespace retort::logs

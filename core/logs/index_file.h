// logs.index beside logs.db: postings and columns of the folded records in the form in which they are used. A store of millions of
// records opens by mapping it; without it, or where it is damaged, everything is in logs.db and it is made anew.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.h"
#include "store/database.h"

namespace retort::logs {

struct Snapshot;

/// Records behind an index file up to which it is good enough: they are read from logs.db, in a tenth of a second.
inline constexpr std::uint64_t kIndexTail = 1u << 19;

[[nodiscard]] std::filesystem::path indexFilePath(const std::filesystem::path& logsDb);

/// The snapshot in the file: of this very store, and at most as far as its folded records. Null where there is none (or an outdated
/// one). Error "logs.index.file" where it is damaged.
Result<std::shared_ptr<Snapshot>> readIndexFile(const store::Database& db);
/// Writes the file for the folded records, beside the old one and then in its place. Needs memory for the largest key only.
Status writeIndexFile(store::Database& db);
/// Writes it where it is missing, or more than `tail` records behind. Cheap where it is not. For the end of an import.
Status renewIndexFile(store::Database& db, std::uint64_t tail = kIndexTail);
/// The file's snapshot, after writing it where that is due or it is damaged; then `note` says so. Null where there is none.
std::shared_ptr<Snapshot> openIndexFile(store::Database& db, std::optional<Error>& note);

}  // namespace retort::logs

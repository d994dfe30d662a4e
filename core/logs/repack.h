// The blocks of a store outside an import: read one by one, and all of them packed anew with a dictionary of what is left.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "store/block_codec.h"
#include "store/database.h"

namespace retort::logs {

/// Unpacks blocks by their id; keeps the dictionaries that it met.
class BlockReader {
 public:
  explicit BlockReader(store::Database& db) : m_db(db) {}
  /// Error "logs.index.damaged" where the block or its dictionary is missing.
  Result<std::string> read(std::int64_t block);

 private:
  store::Database& m_db;
  std::map<std::int64_t, std::shared_ptr<const store::BlockDictionary>> m_dictionaries;   ///< by codec
};

/// A dictionary holds pieces of the records it was trained on: one is trained on the records that are left, every block is packed with it, and
/// the old ones go. Nothing to do for a store without a dictionary. Cut off, it leaves a readable store, and the next call begins anew.
Status renewDictionary(store::Database& db, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::logs

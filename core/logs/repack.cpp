// Reading blocks, and packing them anew in commits of 200.
#include "logs/repack.h"

#include <algorithm>
#include <vector>

#include "logs/block_sample.h"
#include "logs/log_schema.h"

namespace retort::logs {

namespace {

constexpr int kCommitBlocks = 200;

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

Result<std::vector<std::int64_t>> idsOf(store::Database& db, const std::string& sql) {
  std::vector<std::int64_t> ids;
  RETORT_TRY(auto query, db.prepare(sql));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return ids;
    ids.push_back(query.integer(0));
  }
}

/// The beginnings of blocks spread over the store.
Result<std::string> sampleOf(store::Database& db, BlockReader& reader) {
  RETORT_TRY(const auto ids, idsOf(db, "SELECT id FROM blk ORDER BY id"));
  std::string sample;
  const std::size_t step = std::max<std::size_t>(1, (ids.size() + kSampledPlaces - 1) / kSampledPlaces);
  const std::size_t share = kDictionarySample / std::clamp<std::size_t>(ids.size(), 1, kSampledPlaces);
  for (std::size_t i = 0; i < ids.size() && sample.size() < kDictionarySample; i += step) {
    RETORT_TRY(const auto raw, reader.read(ids[i]));
    sample.append(raw, 0, share);
  }
  return sample;
}

}  // namespace

Result<std::string> BlockReader::read(std::int64_t block) {
  RETORT_TRY(auto query, m_db.prepare("SELECT raw_len,b,codec FROM blk WHERE id=?"));
  query.bind(1, block);
  RETORT_TRY(const bool found, query.step());
  if (!found) return damaged("a block is missing");
  const auto codec = query.integer(2);
  std::shared_ptr<const store::BlockDictionary> none;
  auto& dictionary = codec < kDictCodec ? none : m_dictionaries[codec];
  if (codec >= kDictCodec && !dictionary) {
    RETORT_TRY(auto bytes, m_db.prepare("SELECT b FROM dict WHERE id=?"));
    bytes.bind(1, codec - kDictCodec);
    RETORT_TRY(const bool there, bytes.step());
    if (!there) return damaged("a dictionary is missing");
    RETORT_TRY(dictionary, store::BlockDictionary::create(std::string(bytes.blob(0))));
  }
  return store::decodeBlock(query.blob(1), static_cast<std::uint64_t>(query.integer(0)), dictionary.get());
}

Status renewDictionary(store::Database& db, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(const auto newest, db.integer("SELECT max(id) FROM dict"));
  if (!newest) return {};
  BlockReader reader(db);
  RETORT_TRY(const auto sample, sampleOf(db, reader));
  std::string trained = trainDictionary(sample);
  std::int64_t codec = kPlainCodec;
  store::BlockEncoder encoder(3);                          // what is left may be too little for a dictionary
  if (!trained.empty()) {
    RETORT_TRY(auto put, db.prepare("INSERT INTO dict(id,b) VALUES(?,?)"));
    RETORT_CHECK(put.bind(1, *newest + 1).bindBlob(2, trained).run());
    codec = kDictCodec + *newest + 1;
    RETORT_TRY(auto dictionary, store::BlockDictionary::create(std::move(trained)));
    encoder = store::BlockEncoder(std::move(dictionary), true);   // or a store that lost little could grow
  }
  RETORT_TRY(const auto old, idsOf(db, "SELECT id FROM blk WHERE codec<>" + std::to_string(codec) + " ORDER BY id"));
  ProgressMeter meter(progress, "Packing blocks anew", "blocks", static_cast<std::int64_t>(old.size()));
  for (std::size_t at = 0; at < old.size();) {
    if (stop.stop_requested()) return cancelledError("The purge");
    RETORT_TRY(auto transaction, store::Transaction::begin(db));
    RETORT_TRY(auto put, db.prepare("UPDATE blk SET codec=?,crc=?,b=? WHERE id=?"));
    for (const std::size_t end = std::min<std::size_t>(old.size(), at + kCommitBlocks); at < end; ++at) {
      RETORT_TRY(const auto raw, reader.read(old[at]));
      RETORT_TRY(const auto frame, encoder.encode(raw));
      RETORT_CHECK(put.bind(1, codec).bind(2, std::int64_t(store::blockChecksum(frame))).bindBlob(3, frame).bind(4, old[at]).run());
    }
    RETORT_CHECK(transaction.commit());
    if (progress) meter.at(static_cast<std::int64_t>(at));
  }
  return db.exec("DELETE FROM dict WHERE id<>" + std::to_string(codec - kDictCodec));
}

}  // namespace retort::logs

// Sampling the sources for a dictionary.
#include "logs/block_sample.h"

#include <algorithm>
#include <string>

#include "logs/byte_source.h"
#include "logs/log_schema.h"

namespace retort::logs {

namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::uint64_t kWorthIt = 4u << 20;       ///< of source bytes (packed ones count four times): below, a dictionary only costs

/// The beginnings of files spread over the list.
std::string sampleOf(const std::vector<ListedFile>& files, const std::vector<std::size_t>& read) {
  std::string sample;
  const std::size_t step = std::max<std::size_t>(1, read.size() / kSampledPlaces);
  const std::size_t share = std::max<std::size_t>(64 * 1024, kDictionarySample / std::min(kSampledPlaces, read.size()));
  for (std::size_t i = 0; i < read.size() && sample.size() < kDictionarySample; i += step) {
    auto source = ByteSource::open(files[read[i]].path);
    if (!source.ok()) continue;                        // the import itself will say so
    const std::size_t from = sample.size();
    sample.resize(from + std::min(share, kDictionarySample - from));
    std::size_t filled = from;
    while (filled < sample.size()) {
      const auto n = (*source)->read(std::span(sample).subspan(filled));
      if (!n.ok() || *n == 0) break;
      filled += *n;
    }
    sample.resize(filled);
  }
  return sample;
}

}  // namespace

std::string trainDictionary(std::string_view sample) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at + kPiece <= sample.size(); at += kPiece) pieces.push_back(sample.substr(at, kPiece));
  return store::BlockDictionary::train(pieces);
}

Result<BlockPacking> blockPacking(store::Database& db, const std::vector<ListedFile>& files, const std::vector<bool>& isRead) {
  BlockPacking packing;
  {
    RETORT_TRY(auto query, db.prepare("SELECT id,b FROM dict ORDER BY id DESC LIMIT 1"));
    RETORT_TRY(const bool found, query.step());
    if (found) {
      RETORT_TRY(packing.dictionary, store::BlockDictionary::create(std::string(query.blob(1))));
      packing.codec = kDictCodec + query.integer(0);
      return packing;
    }
  }
  std::vector<std::size_t> read;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!isRead[i]) continue;
    read.push_back(i);
    const bool isPacked = files[i].path.extension() == ".gz" || files[i].path.extension() == ".zst";
    bytes += static_cast<std::uint64_t>(files[i].size) * (isPacked ? 4 : 1);
  }
  if (bytes < kWorthIt) return packing;
  std::string trained = trainDictionary(sampleOf(files, read));
  if (trained.empty()) return packing;
  RETORT_TRY(auto put, db.prepare("INSERT INTO dict(b) VALUES(?)"));
  RETORT_CHECK(put.bindBlob(1, trained).run());
  packing.codec = kDictCodec + db.lastInsertId();
  RETORT_TRY(packing.dictionary, store::BlockDictionary::create(std::move(trained)));
  return packing;
}

}  // namespace retort::logs

// The teacher's side of logit KD: same tokens checked id by id, targets made live or read from the cache.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "engine/batches.h"
#include "engine/decoder.h"
#include "engine/head_loss.h"
#include "engine/logit_cache.h"
#include "text/tokenizer.h"

namespace retort::engine {

/// Logit KD compares distributions event by event, so every id must mean the same text. Sizes may differ (padding): the common
/// prefix is compared, by the tokenizers and then by the losses. Error "engine.teacher.tokens" with the first ids that differ.
Status requireSameTokens(const text::Tokenizer& student, const text::Tokenizer& teacher, const std::string& studentName, const std::string& teacherName);
/// SHA-256 over all token texts.
[[nodiscard]] std::string tokenizerHash(const text::Tokenizer& tokenizer);

/// Gives the teacher's targets of a micro-batch.
class TeacherTargets {
 public:
  virtual ~TeacherTargets() = default;
  virtual Status fill(const std::vector<EncodedRow>& rows, const MicroBatch& batch, HeadTargets& targets) = 0;
};

/// Runs the teacher beside the student. The decoder is shared between methods.
std::unique_ptr<TeacherTargets> liveTargets(std::shared_ptr<const Decoder> teacher);
/// Reads the cache, which must hold every row.
std::unique_ptr<TeacherTargets> cachedTargets(std::shared_ptr<const LogitCache> cache, bool drawn);

/// One distribution's events at the learnt positions of a batch, from hidden rows [N, H]: what the cache stores.
CachedPositions topKOf(const at::Tensor& hiddenRows, const at::Tensor& head, int k, double temperature, std::int64_t vocabulary);
/// `draws` draws a position from the distribution; `seed` and the position number decide them, not the batch.
CachedPositions drawnFrom(const at::Tensor& hiddenRows, const at::Tensor& head, int draws, double temperature, std::int64_t vocabulary,
                          std::uint64_t seed);

/// Computes what the cache lacks, one forward pass a row group. `keepGoing` is asked between groups: false ends it with the
/// cancelled error, the cache being resumable. `done(rows, of)` reports.
Status fillCache(LogitCache& cache, const LogitKey& key, const Decoder& teacher, const std::vector<EncodedRow>& rows, std::int64_t microTokens,
                 const std::function<bool()>& keepGoing, const std::function<void(std::int64_t, std::int64_t)>& done);
/// The ids whose hash stands in the cache: the teacher's version of a row.
[[nodiscard]] Sha256Digest cacheHash(const EncodedRow& row);

}  // namespace retort::engine

// The teacher's side of logit KD.
#include "engine/teacher.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/random.h"
#include "engine/device.h"
#include "engine/tensor_more.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/cumsum.h>
#include <ATen/ops/searchsorted.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

/// Hidden rows of the learnt positions: [N, H].
at::Tensor hiddenRowsOf(const Decoder& decoder, const MicroBatch& batch) {
  ForwardOptions options;
  options.documentLengths = batch.lengths;
  const at::Tensor hidden = forwardHidden(decoder, batch.ids, options);
  return hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions);
}

class Live final : public TeacherTargets {
 public:
  explicit Live(std::shared_ptr<const Decoder> teacher) : m_teacher(std::move(teacher)) {}
  Status fill(const std::vector<EncodedRow>& rows, const MicroBatch& batch, HeadTargets& targets) override {
    const c10::NoGradGuard off;
    const bool differs = std::any_of(batch.rows.begin(), batch.rows.end(), [&](std::int64_t r) { return !rows[static_cast<std::size_t>(r)].teacherIds.empty(); });
    targets.teacherHidden = hiddenRowsOf(*m_teacher, differs ? makeMicroBatch(rows, batch.rows, m_teacher->device(), true) : batch);
    targets.teacherHead = m_teacher->headWeight();
    return {};
  }

 private:
  std::shared_ptr<const Decoder> m_teacher;
};

class Cached final : public TeacherTargets {
 public:
  Cached(std::shared_ptr<const LogitCache> cache, bool drawn) : m_cache(std::move(cache)), m_drawn(drawn) {}
  Status fill(const std::vector<EncodedRow>& rows, const MicroBatch& batch, HeadTargets& targets) override {
    std::vector<CachedPositions> parts;
    std::int64_t width = 1, count = 0;
    for (const std::int64_t r : batch.rows) {
      const EncodedRow& row = rows[static_cast<std::size_t>(r)];
      RETORT_TRY(CachedPositions p, m_cache->read(row.index, cacheHash(row)));
      width = std::max(width, p.width);
      count += p.positions;
      parts.push_back(std::move(p));
    }
    if (count != batch.labels.size(0))
      return Error{"engine.cache.mismatch", "The cached logits are of other positions", m_cache->folder().string(),
                   "they hold " + std::to_string(count) + " positions where the rows have " + std::to_string(batch.labels.size(0)), "delete this cache folder", {}, {}};
    at::Tensor ids = at::zeros({count, width}, at::kLong), values = at::zeros({count, width}, at::kFloat);
    std::int64_t at = 0;
    for (const auto& p : parts)
      for (std::int64_t i = 0; i < p.positions; ++i, ++at) {
        std::copy_n(p.ids.data() + i * p.width, p.width, ids.data_ptr<std::int64_t>() + at * width);
        std::copy_n(p.values.data() + i * p.width, p.width, values.data_ptr<float>() + at * width);
      }
    (m_drawn ? targets.drawnIds : targets.topIds) = ids.to(batch.labels.device());
    (m_drawn ? targets.drawnShares : targets.topLogProbs) = values.to(batch.labels.device());
    return {};
  }

 private:
  std::shared_ptr<const LogitCache> m_cache;
  bool m_drawn;
};

/// Calls fn(first row, log-probabilities [n, V] f32) for chunks of rows.
void forLogProbs(const at::Tensor& hidden, const at::Tensor& head, double temperature, std::int64_t vocabulary,
                 const std::function<void(std::int64_t, const at::Tensor&)>& fn) {
  const std::int64_t chunk = headChunkRows(head.size(0), 8, hidden.is_cuda());
  for (std::int64_t at = 0; at < hidden.size(0); at += chunk) {
    const at::Tensor z = at::mm(hidden.narrow(0, at, std::min(chunk, hidden.size(0) - at)), head.t()).narrow(1, 0, vocabulary).to(at::kFloat);
    fn(at, at::log_softmax(temperature == 1 ? z : z / temperature, -1));
  }
}

}  // namespace

Status requireSameTokens(const text::Tokenizer& student, const text::Tokenizer& teacher, const std::string& studentName, const std::string& teacherName) {
  std::vector<std::string> examples;
  const std::size_t common = std::min(student.size(), teacher.size());
  std::size_t differing = 0;
  for (std::size_t i = 0; i < common; ++i) {
    const auto id = static_cast<text::TokenId>(i);
    if (student.tokenText(id) == teacher.tokenText(id)) continue;
    if (++differing <= 3) examples.push_back(std::to_string(id) + " is " + shown(student.tokenText(id)) + " and " + shown(teacher.tokenText(id)));
  }
  if (differing == 0 && common > 0) return {};
  return Error{"engine.teacher.tokens", "The teacher's logits cannot be learnt by this student", studentName + " and " + teacherName,
               std::to_string(differing) + " of " + formatCount(static_cast<std::int64_t>(common)) + " token ids mean different texts (" + join(examples, "; ") + ")",
               "use method sft on the teacher's answers, or a student of the teacher's family", {}, {}};
}

std::string tokenizerHash(const text::Tokenizer& tokenizer) {
  Sha256 hash;
  for (std::size_t i = 0; i < tokenizer.size(); ++i) hash.update(tokenizer.tokenText(static_cast<text::TokenId>(i))).update(std::string_view("\0", 1));
  return hash.hex();
}

std::unique_ptr<TeacherTargets> liveTargets(std::shared_ptr<const Decoder> teacher) { return std::make_unique<Live>(std::move(teacher)); }
std::unique_ptr<TeacherTargets> cachedTargets(std::shared_ptr<const LogitCache> cache, bool drawn) { return std::make_unique<Cached>(std::move(cache), drawn); }

CachedPositions topKOf(const at::Tensor& hiddenRows, const at::Tensor& head, int k, double temperature, std::int64_t vocabulary) {
  CachedPositions out;
  out.positions = hiddenRows.size(0);
  out.width = k;
  forLogProbs(hiddenRows, head, temperature, vocabulary, [&](std::int64_t, const at::Tensor& logP) {
    auto [values, ids] = logP.topk(k, -1);
    values = values.cpu().contiguous();
    ids = ids.cpu().contiguous();
    out.values.insert(out.values.end(), values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
    out.ids.insert(out.ids.end(), ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
  });
  return out;
}

CachedPositions drawnFrom(const at::Tensor& hiddenRows, const at::Tensor& head, int draws, double temperature, std::int64_t vocabulary, std::uint64_t seed) {
  std::vector<std::map<std::int64_t, int>> counts(static_cast<std::size_t>(hiddenRows.size(0)));
  forLogProbs(hiddenRows, head, temperature, vocabulary, [&](std::int64_t first, const at::Tensor& logP) {
    const std::int64_t n = logP.size(0);
    const at::Tensor cumulative = logP.to(at::kDouble).exp_().cumsum(-1);
    at::Tensor u = at::empty({n, draws}, at::kDouble);
    double* values = u.data_ptr<double>();
    for (std::int64_t i = 0; i < n; ++i) {
      Random random(seed, "draws " + std::to_string(first + i));
      for (int d = 0; d < draws; ++d) values[i * draws + d] = random.uniform();
    }
    u = u.to(logP.device()) * cumulative.narrow(1, vocabulary - 1, 1);
    at::Tensor ids = at::searchsorted(cumulative, u, false, true).clamp_max(vocabulary - 1).cpu().contiguous();
    for (std::int64_t i = 0; i < n; ++i)
      for (int d = 0; d < draws; ++d) ++counts[static_cast<std::size_t>(first + i)][ids.data_ptr<std::int64_t>()[i * draws + d]];
  });
  CachedPositions out;
  out.positions = hiddenRows.size(0);
  for (const auto& c : counts) out.width = std::max(out.width, static_cast<std::int64_t>(c.size()));
  for (const auto& c : counts) {
    for (const auto& [id, n] : c) out.ids.push_back(id), out.values.push_back(static_cast<float>(n) / static_cast<float>(draws));
    out.ids.resize(out.ids.size() + static_cast<std::size_t>(out.width) - c.size(), 0);
    out.values.resize(out.ids.size(), 0);
  }
  return out;
}

Sha256Digest cacheHash(const EncodedRow& row) { return hashOfIds(row.teacherIds.empty() ? row.ids : row.teacherIds); }

Status fillCache(LogitCache& cache, const LogitKey& key, const Decoder& teacher, const std::vector<EncodedRow>& rows, std::int64_t microTokens,
                 const std::function<bool()>& keepGoing, const std::function<void(std::int64_t, std::int64_t)>& done) {
  std::vector<std::int64_t> missing;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!cache.has(rows[i].index)) missing.push_back(static_cast<std::int64_t>(i));
  const auto of = static_cast<std::int64_t>(rows.size());
  std::int64_t finished = of - static_cast<std::int64_t>(missing.size());
  for (const auto& group : groupByTokens(rows, missing, microTokens)) {
    if (!keepGoing()) {
      RETORT_CHECK(cache.flush(false));
      return cancelledError("Computing the teacher's logits");
    }
    Status status = guarded("Computing the teacher's logits", [&]() -> Status {
      const c10::NoGradGuard off;
      const MicroBatch batch = makeMicroBatch(rows, group, teacher.device(), true);
      const at::Tensor hidden = hiddenRowsOf(teacher, batch);
      std::int64_t at = 0;
      for (const std::int64_t r : group) {
        const EncodedRow& row = rows[static_cast<std::size_t>(r)];
        const std::int64_t n = row.supervised();
        const at::Tensor part = hidden.narrow(0, at, n);
        const CachedPositions p = key.method == "rs-kd"
                                      ? drawnFrom(part, teacher.headWeight(), key.size, key.temperature, key.vocabulary, key.seed * 1000003 + static_cast<std::uint64_t>(row.index))
                                      : topKOf(part, teacher.headWeight(), key.size, key.temperature, key.vocabulary);
        RETORT_CHECK(cache.append(row.index, cacheHash(row), p));
        at += n;
      }
      return {};
    });
    if (!status.ok()) return status;
    finished += static_cast<std::int64_t>(group.size());
    done(finished, of);
  }
  return cache.flush(true);
}

}  // namespace retort::engine

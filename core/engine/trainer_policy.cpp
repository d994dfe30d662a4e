// What a stage needs before its first step (DPO's reference), and the student's own answers: made, measured, watched.
#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "base/hash.h"
#include "engine/autograd.h"
#include "engine/tensor_more.h"
#include "engine/trainer_impl.h"

namespace retort::engine {
namespace {

constexpr std::int64_t kMeasuredPositions = 64;
constexpr std::int64_t kOverlap = 16;

/// Share of the k best ids that both have, mean over rows.
double overlapOf(const at::Tensor& a, const at::Tensor& b, std::int64_t k) {
  const at::Tensor x = std::get<1>(a.topk(k, -1)), y = std::get<1>(b.topk(k, -1));
  return (x.unsqueeze(2) == y.unsqueeze(1)).sum().item<double>() / static_cast<double>(x.numel());
}

}  // namespace

std::string Stage::name() const {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : " + ") + part.spec.kind;
  return text;
}

Status Trainer::beginStage(std::size_t index) {
  Stage& stage = m_stages[index];
  for (std::size_t p = 0; p < stage.parts.size(); ++p) {
    Part& part = stage.parts[p];
    if (!part.isDpo()) continue;
    const fs::path file = m_reporter.folder() / ("reference-" + std::to_string(index) + "-" + std::to_string(p) + ".json");
    RETORT_CHECK(m_step == stage.first ? makeReference(part, file, stage.first) : readReference(part, file, stage.first));
  }
  return {};
}

std::string Trainer::rowsKey(const Part& part) const {
  Sha256 hash;
  for (const std::int64_t r : part.rows) {
    const EncodedRow& row = m_rows[static_cast<std::size_t>(r)];
    hash.update(std::to_string(row.index) + " ");
    for (const auto* ids : {&row.ids, &row.rejectedIds}) hash.update(std::string_view(reinterpret_cast<const char*>(ids->data()), ids->size() * sizeof(std::int32_t)));
  }
  return hash.hex();
}

/// The reference is the student as it is when the stage begins: its log-probabilities of both answers, made once.
Status Trainer::makeReference(Part& part, const fs::path& file, std::int64_t first) {
  RETORT_CHECK(m_reporter.phase(job::Phase::caching, "Measuring the reference"));
  part.reference.assign(m_rows.size(), {0, 0});
  std::int64_t done = 0;
  for (const auto& group : groupByTokens(m_rows, part.rows, m_microTokens, true)) {
    if (told()) return cancelledError("Measuring the reference");
    RETORT_CHECK(guarded("Measuring the reference", [&]() -> Status {
      const c10::NoGradGuard off;
      const MicroBatch batch = makePairBatch(m_rows, group, m_device.device);
      ForwardOptions options;
      options.documentLengths = batch.lengths;
      const at::Tensor hidden = forwardHidden(m_student, batch.ids, options);
      const at::Tensor logQ = labelLogProbs(hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions), m_student.headWeight(), batch.labels).to(at::kDouble);
      const at::Tensor sums = at::zeros({2 * static_cast<std::int64_t>(group.size())}, logQ.options()).index_add_(0, batch.document, logQ).cpu();
      for (std::size_t i = 0; i < group.size(); ++i)
        part.reference[static_cast<std::size_t>(group[i])] = {sums.const_data_ptr<double>()[2 * i], sums.const_data_ptr<double>()[2 * i + 1]};
      return {};
    }));
    done += static_cast<std::int64_t>(group.size());
    RETORT_CHECK(m_reporter.event("progress", {{"stage", "reference"}, {"done", done}, {"of", static_cast<std::int64_t>(part.rows.size())}}));
  }
  Json values = Json::array();
  for (const std::int64_t r : part.rows) values.push_back(Json::array({part.reference[static_cast<std::size_t>(r)].first, part.reference[static_cast<std::size_t>(r)].second}));
  RETORT_CHECK(writeJsonFile(file, {{"schema", "retort.reference/1"}, {"first", first}, {"rows", rowsKey(part)}, {"log_probs", values}}));
  return m_reporter.phase(job::Phase::training, "Training the student");
}

Status Trainer::readReference(Part& part, const fs::path& file, std::int64_t first) {
  const Error lost{"engine.reference.lost", "The run cannot go on", file.string(), "the reference's log-probabilities that its steps so far were measured against are not there",
                   "start a new run", {}, {}};
  const auto json = readJsonFile(file, 1u << 30);
  if (!json.ok() || !json->is_object() || json->value("first", std::int64_t{-1}) != first || json->value("rows", std::string()) != rowsKey(part)) return lost;
  const Json values = json->value("log_probs", Json());
  if (!values.is_array() || values.size() != part.rows.size()) return lost;
  part.reference.assign(m_rows.size(), {0, 0});
  for (std::size_t i = 0; i < part.rows.size(); ++i) {
    if (!values[i].is_array() || values[i].size() != 2) return lost;
    part.reference[static_cast<std::size_t>(part.rows[i])] = {numberOf(values[i][0], 0), numberOf(values[i][1], 0)};
  }
  return {};
}

/// Makes sure that the running block's answers are there, and picks this step's.
Status Trainer::rollOut(const Stage& stage, const Part& part, std::int64_t step) {
  const auto& own = part.spec.onPolicy;
  const fs::path folder = m_reporter.folder() / "rollouts";
  if (!m_rollouts.covers(step) && own.every > 1)
    RETORT_CHECK(guarded("Reading the student's answers", [&]() -> Status {
      RETORT_TRY(m_rollouts, loadRollouts(folder, step, m_rolloutsFrom, m_rows, m_text.stopIds));
      return {};
    }));
  if (!m_rollouts.covers(step)) {
    m_rollouts = {};
    const std::int64_t until = std::min(stage.first + stage.steps, step + own.every);
    std::vector<std::pair<std::int64_t, std::int64_t>> wanted;   // step and row of each answer
    std::vector<std::vector<text::TokenId>> prompts;
    std::int64_t longest = 0;
    for (std::int64_t s = step; s < until; ++s)
      for (std::int64_t at : rowsOfStep(m_spec.seed, static_cast<std::int64_t>(part.rows.size()), std::min(m_batchRows, static_cast<std::int64_t>(part.rows.size())), s))
        for (int i = 0; i < own.rollouts; ++i) {
          const EncodedRow& row = m_rows[static_cast<std::size_t>(part.rows[static_cast<std::size_t>(at)])];
          prompts.emplace_back(row.ids.begin(), row.ids.begin() + row.promptLength);
          wanted.emplace_back(s, part.rows[static_cast<std::size_t>(at)]);
          longest = std::max(longest, row.promptLength);
        }
    GenerationOptions options;
    options.sampler.temperature = own.temperature;
    options.sampler.topP = own.topP;
    options.sampler.seed = m_spec.seed * 1000003 + static_cast<std::uint64_t>(step);
    options.maxTokens = own.maxTokens;
    options.stopIds = m_text.stopIds;
    options.logProbs = own.every > 1 || own.estimator == "sampled";
    options.batch = 64;
    options.cacheTokens = 64 * (longest + own.maxTokens);   // the same batches whatever memory is free: the same bits again
    GenerationHooks hooks;
    hooks.cancelled = [this] { return told(); };
    RETORT_TRY(const auto answers, generate(m_student, m_text.tokenizer.get(), prompts, options, hooks));
    m_rollouts.made = step;
    m_rollouts.until = until;
    for (std::size_t i = 0; i < answers.size(); ++i)
      m_rollouts.items.push_back({wanted[i].first, rolloutRow(m_rows[static_cast<std::size_t>(wanted[i].second)], answers[i], m_text.stopIds),
                                  {answers[i].logProbs.begin(), answers[i].logProbs.end()}, answers[i].finish == "stop"});
    if (own.every > 1) RETORT_CHECK(saveRollouts(folder, m_rollouts, m_savedStep));
  }
  m_rolloutRows.clear();
  m_rolloutOf.clear();
  for (const auto& item : m_rollouts.items)
    if (item.step == step) {
      m_rolloutRows.push_back(item.row);
      m_rolloutOf.push_back(&item);
    }
  return {};
}

/// Student and teacher on some positions of this step's first pass: they are the student's own, of its running weights.
Status Trainer::measurePolicy(const at::Tensor& hidden, const HeadTargets& targets, StepSums& sums) const {
  const c10::AutoGradMode off(false);
  if (!targets.teacherHidden.defined()) return {};
  const std::int64_t n = hidden.size(0), every = std::max<std::int64_t>(1, n / kMeasuredPositions);
  const at::Tensor which = at::arange(0, n, every, at::TensorOptions().dtype(at::kLong).device(hidden.device()));
  at::Tensor z = at::mm(hidden.detach().index_select(0, which), m_student.headWeight().detach().t());
  at::Tensor t = at::mm(targets.teacherHidden.index_select(0, which), targets.teacherHead.t());
  const std::int64_t common = std::min(z.size(1), t.size(1));
  const at::Tensor logQ = at::log_softmax(z.narrow(1, 0, common).to(at::kFloat), -1), logP = at::log_softmax(t.narrow(1, 0, common).to(at::kFloat), -1);
  PolicyFigures f;
  f.overlap = overlapOf(logP, logQ, std::min(kOverlap, common));
  f.studentEntropy = entropyRows(logQ).mean().item<double>();
  f.entropyGap = entropyRows(logP).mean().item<double>() - f.studentEntropy;
  f.reverseKl = divergenceRows(logP, logQ, {Divergence::reverseKl, 0}).mean().item<double>();
  double tokens = 0, ended = 0;
  for (const auto* item : m_rolloutOf) {
    tokens += static_cast<double>(item->row.supervised());
    ended += item->ended;
  }
  const double count = std::max<double>(1, static_cast<double>(m_rolloutOf.size()));
  f.length = tokens / count;
  f.endRate = ended / count;
  f.clipped = 1 - f.endRate;
  sums.policy = f;
  return {};
}

Status Trainer::watchPolicy(const Part& part, const StepSums& sums) {
  if (!sums.policy) return {};
  const PolicyVerdict verdict = m_watch.add(*sums.policy);
  if (verdict.act == PolicyAct::none) return {};
  const bool acts = part.spec.onPolicy.rules == "act";
  const Error error{verdict.code, "On-policy training has left its healthy course", "step " + std::to_string(m_step), verdict.why,
                    verdict.act == PolicyAct::pause ? "raise on_policy.max_tokens, or go on with `run resume`" : "begin from a longer sft run, or lower the learning rate", {}, {}};
  if (verdict.act == PolicyAct::stop && acts) return error;
  if (verdict.act == PolicyAct::pause && acts) m_pauseAsked = true;
  if (verdict.act == PolicyAct::regenerate && acts) {
    m_rollouts = {};
    m_rolloutsFrom = m_step;                 // answers made before are not read again
    return m_reporter.event("progress", {{"stage", "sampling anew"}, {"step", m_step}, {"why", verdict.why}});
  }
  return m_reporter.warning(error);
}

}  // namespace retort::engine

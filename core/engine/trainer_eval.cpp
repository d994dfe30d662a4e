// Measurements of a run: validation NLL and token accuracy, samples of fixed prompts, and the saved student at the end.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "engine/generator.h"
#include "engine/student_writer.h"
#include "engine/tensor_more.h"
#include "engine/trainer_impl.h"

namespace retort::engine {

Result<Measured> Trainer::measure(const Decoder& decoder, const std::vector<EncodedRow>& rows, bool withError) {
  std::vector<std::int64_t> all(rows.size());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  double sum = 0, weight = 0;
  std::int64_t correct = 0, count = 0;
  std::vector<std::pair<double, double>> byRow;                  // NLL and weight
  for (const auto& group : groupByTokens(rows, all, m_microTokens)) {
    if (told()) return cancelledError("The measurement");
    RETORT_CHECK(guarded("The measurement", [&]() -> Status {
      const c10::NoGradGuard off;
      const MicroBatch batch = makeMicroBatch(rows, group, m_device.device);
      ForwardOptions options;
      options.documentLengths = batch.lengths;
      const at::Tensor hidden = forwardHidden(decoder, batch.ids, options);
      HeadTargets targets;
      targets.labels = batch.labels;
      targets.weights = batch.weights;
      HeadLossOptions loss;
      loss.countCorrect = true;
      const HeadLoss got = fusedHeadLoss(hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions), decoder.headWeight(), targets, loss);
      sum += got.ce;
      weight += got.weight;
      correct += got.correct;
      count += got.rows;
      if (!withError) return {};
      const at::Tensor logQ = labelLogProbs(hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions), decoder.headWeight(), batch.labels).to(at::kDouble).cpu();
      std::int64_t at = 0;
      for (const std::int64_t r : group) {
        const EncodedRow& row = rows[static_cast<std::size_t>(r)];
        const std::int64_t n = row.supervised();
        byRow.emplace_back(-logQ.narrow(0, at, n).sum().item<double>() * static_cast<double>(row.weight), static_cast<double>(row.weight) * static_cast<double>(n));
        at += n;
      }
      return {};
    }));
  }
  Measured out{weight > 0 ? sum / weight : 0, count > 0 ? static_cast<double>(correct) / static_cast<double>(count) : 0, 0};
  // The standard error of a ratio of sums over rows.
  double squares = 0;
  for (const auto& [nll, w] : byRow) squares += (nll - out.nll * w) * (nll - out.nll * w);
  if (byRow.size() > 1) out.error = std::sqrt(squares * static_cast<double>(byRow.size()) / static_cast<double>(byRow.size() - 1)) / weight;
  return out;
}

/// Share of the measured rows whose greedy answer is the target, ends and spaces around it aside.
Result<double> Trainer::exactMatches() {
  std::vector<std::vector<text::TokenId>> prompts;
  for (const auto& m : m_matched) prompts.push_back(m.ids);
  GenerationOptions options;
  options.maxTokens = m_spec.eval.sampleTokens;
  options.stopIds = m_text.stopIds;
  GenerationHooks hooks;
  hooks.cancelled = [this] { return told(); };
  RETORT_TRY(const auto answers, generate(m_student, m_text.tokenizer.get(), prompts, options, hooks));
  double right = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) right += trimmed(answers[i].text) == trimmed(m_matched[i].target) ? 1 : 0;
  return right / static_cast<double>(answers.size());
}

Status Trainer::evaluate() {
  if (m_validation.empty() || m_measuredStep == m_step) return samples();
  RETORT_CHECK(m_reporter.phase(job::Phase::evaluating, "Measuring the student"));
  const double began = monotonicSeconds();
  auto measured = measure(m_student, m_validation);
  if (!measured.ok()) return isCancelled(measured.error()) ? Status{} : Status{measured.error()};   // told to end: the loop sees it
  double score = m_spec.eval.metric == "token-accuracy" ? measured->accuracy : measured->nll;
  Json event = {{"step", m_step}, {"nll", measured->nll}, {"token_accuracy", measured->accuracy}, {"rows", static_cast<std::int64_t>(m_validation.size())}};
  if (!m_matched.empty()) {
    const auto matches = exactMatches();
    if (!matches.ok()) return isCancelled(matches.error()) ? Status{} : Status{matches.error()};
    event["exact_match"] = score = *matches;
  }
  event["seconds"] = monotonicSeconds() - began;
  m_measuredStep = m_step;
  RETORT_CHECK(m_reporter.event("eval", std::move(event)));
  if (m_bestNll < 0 || measured->nll < m_bestNll) m_bestNll = measured->nll;
  if (!m_bestScore || (m_spec.eval.metric == "nll" ? score < *m_bestScore : score > *m_bestScore)) {
    m_bestScore = score;
    m_bestStep = m_step;
    m_sinceBest = 0;
    if (m_spec.eval.keepBest) RETORT_CHECK(checkpoint());
  } else if (++m_sinceBest >= m_spec.eval.patience && m_spec.eval.patience > 0) {
    m_stopEarly = true;
    RETORT_CHECK(m_reporter.event("progress", {{"stage", "early stop"}, {"step", m_step}, {"best_step", m_bestStep}, {"best_nll", m_bestNll}, {"metric", m_spec.eval.metric}, {"best_score", *m_bestScore}}));
  }
  RETORT_CHECK(samples());
  return m_reporter.phase(job::Phase::training, "Training the student");
}

Status Trainer::samples() {
  if (m_samples.empty() || told()) return {};
  std::vector<std::vector<text::TokenId>> prompts;
  for (const auto& s : m_samples) prompts.push_back(s.ids);
  GenerationOptions options;
  options.maxTokens = m_spec.eval.sampleTokens;
  options.stopIds = m_text.stopIds;
  GenerationHooks hooks;
  hooks.cancelled = [this] { return told(); };
  const auto answers = generate(m_student, m_text.tokenizer.get(), prompts, options, hooks);
  if (!answers.ok()) return isCancelled(answers.error()) ? Status{} : Status{answers.error()};
  RETORT_CHECK(makeFolders(m_reporter.folder() / "samples"));
  Json file = Json::array();
  for (std::size_t i = 0; i < m_samples.size(); ++i) {
    Json sample = {{"step", m_step}, {"row", m_samples[i].id}, {"prompt", m_text.tokenizer->decode(m_samples[i].ids, true)}, {"text", (*answers)[i].text},
                   {"target", m_samples[i].target}, {"finish", (*answers)[i].finish}};
    RETORT_CHECK(m_reporter.event("sample", sample));
    file.push_back(std::move(sample));
  }
  return writeJsonFile(m_reporter.folder() / "samples" / (std::to_string(m_step) + ".json"), {{"schema", "retort.samples/1"}, {"samples", file}});
}

Result<Json> Trainer::saveStudent() {
  const fs::path student = m_reporter.folder() / "student";
  {
    const Decoder merged = mergedCopy(m_student, at::kBFloat16);
    RETORT_CHECK(writeStudent(student, m_student.config, unfused(merged, at::kBFloat16), *m_source, m_text.stopIds));
  }
  Json extra = {{"student", student.string()}, {"rows", static_cast<std::int64_t>(m_rows.size())}};
  if (m_spec.student.tuning != "full") {
    const fs::path adapter = m_reporter.folder() / "adapter";
    RETORT_CHECK(writeAdapterFolder(adapter, m_student, m_spec.student.lora, m_spec.student.model.path));
    extra["adapter"] = adapter.string();
  }
  RETORT_TRY(extra["sha256"], models::modelSha256(student));
  // What is measured last is the file, loaded again: that is what others will use.
  RETORT_TRY(const auto source, models::openModel(student));
  RETORT_TRY(const Decoder loaded, loadDecoder(*source, at::kBFloat16, m_device.device));
  if (!m_validation.empty()) {
    RETORT_TRY(const Measured measured, measure(loaded, m_validation, true));
    extra["nll"] = measured.nll;
    extra["nll_error"] = measured.error;
    extra["token_accuracy"] = measured.accuracy;
  }
  return extra;
}

}  // namespace retort::engine

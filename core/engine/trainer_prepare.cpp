// Before the first step: models, data, teachers, the student, the newest checkpoint, and a smoke step.
#include <algorithm>
#include <cmath>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/lora.h"
#include "engine/student_writer.h"
#include "engine/tensor_more.h"
#include "engine/autograd.h"
#include "engine/trainer_impl.h"
#include "job/estimator.h"

namespace retort::engine {
namespace {

Result<std::shared_ptr<const models::ModelSource>> openChecked(const job::ModelRef& ref, const char* role) {
  RETORT_TRY(const std::string hash, models::modelSha256(ref.path));
  if (!ref.sha256.empty() && hash != ref.sha256)
    return Error{"engine.model.changed", std::string("The ") + role + " is not the model that was chosen", ref.path,
                 "its SHA-256 is " + hash + " and the run names " + shown(ref.sha256), "choose the model again, or put the old file back", {}, {}};
  RETORT_TRY(auto source, models::openModel(ref.path));
  RETORT_CHECK(requireSupported(source->config(), ref.path));
  return source;
}

Result<std::vector<job::Row>> rowsOf(const job::DataSpec& data, const std::string& name, bool isOptional) {
  const fs::path file = fs::path(data.path) / name;
  if (isOptional && !fs::exists(file)) return std::vector<job::Row>{};
  return job::readAllRows(file);
}

/// The first rows of the seed's order, put back into the file's: of two shares the smaller lies in the larger.
std::vector<job::Row> subsetOf(std::vector<job::Row> rows, double share, std::uint64_t seed) {
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(seed, "subset").shuffle(order);
  order.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(share * static_cast<double>(rows.size())))));
  std::sort(order.begin(), order.end());
  std::vector<job::Row> kept;
  for (const std::size_t i : order) kept.push_back(std::move(rows[i]));
  return kept;
}

std::string hashOfRows(const std::vector<EncodedRow>& rows) {
  Sha256 hash;
  for (const auto& row : rows) {
    const auto digest = cacheHash(row);
    hash.update(std::to_string(row.index) + " ").update(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  }
  return hash.hex();
}

}  // namespace

Status requireSupportedSpec(const job::RunSpec& spec) {
  const auto refuse = [](const char* code, const std::string& where, std::string why, std::string next) {
    return Error{code, "This run cannot be trained", "spec.json: " + where, std::move(why), std::move(next), {}, {}};
  };
  for (const auto& m : spec.methods) {
    if (m.kind == "dpo" && spec.data.lossOn != "completion")
      return refuse("engine.loss.unsupported", "data.loss_on", "dpo compares the last answers of two conversations", "set data.loss_on to completion");
    if (m.kind != "logit-kd" && m.kind != "on-policy-kd") continue;
    if (!divergenceFromName(m.loss.divergence))
      return refuse("engine.loss.unsupported", "methods.loss.divergence", shown(m.loss.divergence) + " is unknown", "use forward-kl");
    if (m.kind == "on-policy-kd" && (m.loss.source != "live" || m.loss.kdWeight != 1))
      return refuse("engine.loss.unsupported", "methods.loss", "on-policy-kd learns from a live teacher alone: its answers are the student's own, which no cache holds and no cross-entropy should teach",
                    "set loss.source to live and loss.kd_weight to 1; add a method with together for the dataset's answers");
    if (m.kind == "logit-kd" && m.loss.source == "cached" && m.loss.cache == "rs-kd" && m.loss.divergence != "forward-kl")
      return refuse("engine.loss.unsupported", "methods.loss", "rs-kd samples the teacher, which fits forward-kl only", "use cache top-k, source live, or divergence forward-kl");
    double shares = 0;
    for (const auto& t : spec.teachers) shares += t.weight;
    if (shares <= 0) return refuse("engine.teachers.none", "teachers", m.kind + " needs a teacher with a weight above 0", "name one");
  }
  return {};
}

Status Trainer::prepare() {
  RETORT_CHECK(requireSupportedSpec(m_spec));
  RETORT_CHECK(m_reporter.phase(job::Phase::preparing, "Opening models"));
  RETORT_CHECK(openModels());
  RETORT_CHECK(m_reporter.phase(job::Phase::preparing, "Reading data"));
  RETORT_CHECK(readData());
  RETORT_CHECK(planStages());
  RETORT_CHECK(requireMemory());
  RETORT_CHECK(prepareTeachers());
  if (told()) return {};
  RETORT_CHECK(m_reporter.phase(job::Phase::preparing, "Loading the student"));
  return loadStudent();
}

Status Trainer::openModels() {
  RETORT_TRY(m_source, openChecked(m_spec.student.model, "student"));
  RETORT_TRY(m_text, models::textParts(*m_source));
  if (std::none_of(m_spec.methods.begin(), m_spec.methods.end(), [](const auto& m) { return m.kind == "logit-kd" || m.kind == "on-policy-kd"; })) return {};
  for (const auto& spec : m_spec.teachers) {
    Teacher teacher;
    RETORT_TRY(teacher.source, openChecked(spec.model, "teacher"));
    RETORT_TRY(const auto text, models::textParts(*teacher.source));
    RETORT_CHECK(requireSameTokens(*m_text.tokenizer, *text.tokenizer, m_spec.student.model.name, spec.model.name));
    m_teachers.push_back(std::move(teacher));
  }
  return {};
}

Status Trainer::readData() {
  const auto& data = m_spec.data;
  if (!data.sha256.empty()) {
    RETORT_TRY(const Json card, readJsonFile(fs::path(data.path) / "card.json"));
    const auto sha = card.find("sha256");
    if (sha == card.end() || !sha->is_string() || sha->get<std::string>() != data.sha256)
      return Error{"engine.data.changed", "The dataset is not the one that was chosen", data.path, "its card.json has another fingerprint", "choose the dataset again", {}, {}};
  }
  RETORT_TRY(auto rows, rowsOf(data, data.train, false));
  if (data.subset < 1) rows = subsetOf(std::move(rows), data.subset, m_spec.seed);
  RETORT_TRY(const auto validation, rowsOf(data, data.validation, true));
  RETORT_TRY(EncodedRows train, encodeRows(rows, m_text, data, !m_teachers.empty()));
  const std::string file = (fs::path(data.path) / data.train).string();
  RETORT_CHECK(m_reporter.event("labels", {{"file", data.train}, {"check", train.check.toJson()}}));
  RETORT_CHECK(requireLabels(train.check, file));
  if (train.check.tooLong > 0)
    RETORT_CHECK(m_reporter.warning({"engine.rows.long", std::to_string(train.check.tooLong) + " rows are left out", file,
                                     "they are longer than max_tokens (" + std::to_string(data.maxTokens) + ")", "raise data.max_tokens to keep them", {}, {}}));
  const std::size_t needed = static_cast<std::size_t>(std::max(m_spec.eval.rows, m_spec.eval.samples));
  std::vector<job::Row> first(validation.begin(), validation.begin() + static_cast<std::ptrdiff_t>(std::min(needed, validation.size())));
  RETORT_TRY(EncodedRows measured, encodeRows(first, m_text, data, false));
  for (auto& row : measured.rows) {
    if (m_samples.size() < static_cast<std::size_t>(m_spec.eval.samples)) {
      const std::vector<text::TokenId> prompt(row.ids.begin(), row.ids.begin() + row.promptLength);
      m_samples.push_back({row.id, job::contentText(first[static_cast<std::size_t>(row.index)].target), prompt});
    }
    if (m_validation.size() >= static_cast<std::size_t>(m_spec.eval.rows)) continue;
    if (m_spec.eval.metric == "exact-match")
      m_matched.push_back({row.id, job::contentText(first[static_cast<std::size_t>(row.index)].target), {row.ids.begin(), row.ids.begin() + row.promptLength}});
    m_validation.push_back(std::move(row));
  }
  m_rows = std::move(train.rows);
  return {};
}

Status Trainer::planStages() {
  m_batchRows = std::min<std::int64_t>(m_spec.train.batchRows, static_cast<std::int64_t>(m_rows.size()));
  m_microTokens = m_spec.train.microTokens;
  for (const auto& method : m_spec.methods) {
    Part part;
    part.spec = method;
    for (std::size_t i = 0; i < m_rows.size(); ++i)
      if (method.kind != "dpo" || m_rows[i].isPair()) part.rows.push_back(static_cast<std::int64_t>(i));
    if (part.rows.empty())
      return Error{"engine.pairs.none", "There is nothing to prefer", (fs::path(m_spec.data.path) / m_spec.data.train).string(), "no row has a rejected answer beside its target",
                   "choose a dataset of preference pairs, or another method", {}, {}};
    if (part.usesTeacher()) {
      part.loss.kdWeight = method.loss.kdWeight;
      part.loss.temperature = method.loss.temperature;
      part.loss.divergence.kind = *divergenceFromName(method.loss.divergence);
      part.loss.divergence.parameter = part.loss.divergence.kind == Divergence::jsd ? method.loss.beta : 0.1;   // skew: DistiLLM's alpha
    }
    if (method.together) {
      m_stages.back().parts.push_back(std::move(part));
      continue;
    }
    Stage stage;
    stage.first = m_total;
    const auto rows = static_cast<std::int64_t>(part.rows.size());
    stage.steps = method.steps > 0 ? method.steps : stepsOfEpochs(method.epochs, rows, std::min(m_batchRows, rows));
    m_total += stage.steps;
    stage.parts.push_back(std::move(part));
    m_stages.push_back(std::move(stage));
  }
  return m_reporter.progress(0, m_total);
}

Status Trainer::requireMemory() const {
  std::vector<std::int64_t> lengths;
  for (const auto& row : m_rows) lengths.push_back(static_cast<std::int64_t>(row.ids.size()));
  job::EstimateInput input;
  input.spec = m_spec;
  input.student = m_source->config();
  if (!m_teachers.empty()) input.teacher = m_teachers.front().source->config();
  input.rowTokens = lengths;
  input.isCuda = m_device.isCuda();
  const job::Estimate estimate = job::estimateRun(input);
  RETORT_CHECK(requireSpace(m_reporter.folder(), estimate.diskBytes, "this run's checkpoints and student"));
  const MemoryInfo memory = memoryInfo(m_device);
  if (memory.free == 0 || estimate.memory.total() <= memory.free) return {};
  return Error{"engine.memory.short", "This run does not fit the memory", m_device.text(),
               "it needs about " + formatBytes(estimate.memory.total()) + " and " + formatBytes(memory.free) + " are free",
               "lower train.micro_tokens, use lora, or a smaller model", {}, {}};
}

Result<std::shared_ptr<const Decoder>> Trainer::teacherDecoder(std::size_t index) {
  Teacher& teacher = m_teachers[index];
  if (teacher.decoder) return teacher.decoder;
  RETORT_CHECK(m_reporter.phase(job::Phase::caching, "Loading the teacher"));
  RETORT_TRY(Decoder decoder, loadDecoder(*teacher.source, m_type, m_device.device));
  teacher.decoder = std::make_shared<const Decoder>(std::move(decoder));
  return teacher.decoder;
}

Result<std::shared_ptr<const LogitCache>> Trainer::cacheFor(const Part& part, std::size_t index) {
  LogitKey key;
  RETORT_TRY(key.teacher, models::modelSha256(m_spec.teachers[index].model.path));
  key.tokenizer = tokenizerHash(*m_text.tokenizer);
  key.chatTemplate = sha256Hex(m_text.templateSource);
  key.rows = hashOfRows(m_rows);
  key.method = part.spec.loss.cache;
  key.size = part.spec.loss.topK;
  key.temperature = part.spec.loss.temperature;
  key.computed = m_spec.train.precision;
  key.seed = m_spec.seed;
  key.vocabulary = std::min(m_source->config().vocab, m_teachers[index].source->config().vocab);
  if (key.method == "top-k") key.size = static_cast<int>(std::min<std::int64_t>(key.size, key.vocabulary));
  while (true) {
    auto opened = LogitCache::open(m_options.cacheRoot, key, true);
    if (!opened.ok() && opened.error().code == "engine.cache.busy") {
      if (told()) return cancelledError("Waiting for the teacher's logits");
      RETORT_CHECK(m_reporter.phase(job::Phase::caching, "Waiting for another run that computes the same logits"));
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      continue;
    }
    if (!opened.ok()) return opened.error();
    std::shared_ptr<LogitCache> cache = std::move(opened).value();
    if (cache->rowsDone() < static_cast<std::int64_t>(m_rows.size())) {
      const double perPosition = key.method == "top-k" ? 6.0 * key.size : 8.0 * std::min(key.size, 64);
      std::int64_t positions = 0;
      for (const auto& row : m_rows) positions += row.supervised();
      RETORT_CHECK(requireSpace(m_options.cacheRoot, static_cast<std::uint64_t>(perPosition * static_cast<double>(positions)), "the teacher's logits"));
      RETORT_TRY(const auto teacher, teacherDecoder(index));
      RETORT_CHECK(m_reporter.phase(job::Phase::caching, "Computing the teacher's logits"));
      const double began = monotonicSeconds();
      const std::int64_t had = cache->rowsDone();
      RETORT_CHECK(fillCache(*cache, key, *teacher, m_rows, m_microTokens, [this] { return !told(); }, [&](std::int64_t done, std::int64_t of) {
        const double rate = static_cast<double>(done - had) / std::max(1e-9, monotonicSeconds() - began);
        (void)m_reporter.progress(done, of, static_cast<double>(of - done) / std::max(rate, 1e-9));
        (void)m_reporter.event("progress", {{"stage", "caching"}, {"done", done}, {"of", of}});
      }));
    }
    RETORT_CHECK(m_reporter.event("cache", {{"path", cache->folder().string()}, {"rows", cache->rowsDone()}, {"bytes", cache->bytes()}}));
    cache.reset();                           // gives the lock back; reading needs none
    RETORT_TRY(auto reading, LogitCache::open(m_options.cacheRoot, key, false));
    return std::shared_ptr<const LogitCache>(std::move(reading));
  }
}

Status Trainer::prepareTeachers() {
  double shares = 0;
  for (const auto& t : m_spec.teachers) shares += t.weight;
  for (auto& stage : m_stages)
    for (auto& part : stage.parts) {
      if (!part.usesTeacher()) continue;
      for (std::size_t i = 0; i < m_teachers.size(); ++i) {
        if (m_spec.teachers[i].weight <= 0) continue;
        const double share = m_spec.teachers[i].weight / shares;
        if (part.spec.loss.source == "live") {
          RETORT_TRY(const auto teacher, teacherDecoder(i));
          part.teachers.emplace_back(share, liveTargets(teacher));
          m_teachers[i].isLive = true;
          continue;
        }
        auto cache = cacheFor(part, i);
        if (!cache.ok()) return isCancelled(cache.error()) && told() ? Status{} : Status{cache.error()};
        part.teachers.emplace_back(share, cachedTargets(*cache, part.spec.loss.cache == "rs-kd"));
      }
    }
  // Where the student is going: the teacher on the same rows, for the charts. A teacher whose logits were all cached is not loaded for it.
  for (std::size_t i = 0; i < m_teachers.size(); ++i) {
    if (m_teachers[i].decoder && m_spec.eval.every > 0 && !m_validation.empty() && !told()) {
      RETORT_CHECK(m_reporter.phase(job::Phase::caching, "Measuring the teacher"));
      const auto measured = measure(*m_teachers[i].decoder, m_validation);
      if (measured.ok())
        RETORT_CHECK(m_reporter.event("level", {{"name", m_teachers.size() == 1 ? "teacher" : "teacher " + m_spec.teachers[i].model.name}, {"nll", measured->nll}, {"token_accuracy", measured->accuracy}, {"rows", static_cast<std::int64_t>(m_validation.size())}}));
      else if (!isCancelled(measured.error())) return measured.error();
    }
    if (!m_teachers[i].isLive) m_teachers[i].decoder.reset();
  }
  return {};
}

Status Trainer::loadStudent() {
  RETORT_TRY(m_student, loadDecoder(*m_source, m_type, m_device.device, m_spec.student.layers, {}, m_spec.student.tuning == "qlora" ? 4 : 0));
  std::vector<Trainable> parameters;
  if (m_spec.student.tuning != "full") {
    attachLora(m_student, m_spec.student.lora, m_spec.seed);
    forEachAdapter(m_student, [&](const std::string& name, at::Tensor& tensor) { parameters.push_back(makeTrainable(name, tensor)); });
  } else {
    forEachParameter(m_student, [&](const std::string& name, at::Tensor& tensor) {
      const bool isHead = name == "model.embed_tokens.weight" || name.starts_with("lm_head");
      if (!(isHead && m_spec.student.freezeEmbeddings)) parameters.push_back(makeTrainable(name, tensor));
    });
  }
  AdamWOptions options{m_spec.train.beta1, m_spec.train.beta2, m_spec.train.epsilon, m_spec.train.weightDecay, m_spec.train.clip};
  m_optimiser = std::make_unique<AdamW>(std::move(parameters), options);
  at::manual_seed(m_spec.seed);
  return {};
}

Status Trainer::resume() {
  std::vector<std::string> rejected;
  const auto checkpoint = newestCheckpoint(m_reporter.folder() / "checkpoints", rejected);
  for (const auto& name : rejected)
    RETORT_CHECK(m_reporter.warning({"engine.checkpoint.damaged", "Checkpoint " + name + " cannot be used", "checkpoints/" + name, "its files do not have the hashes of its manifest", "an earlier one is used", {}, {}}));
  // Without a checkpoint everything is done again, the measurement at step 0 too.
  if (!checkpoint) return m_reporter.attempt() > 1 ? m_reporter.restartFrom(-1) : Status{};
  const Json& s = checkpoint->state;
  const std::string specHash = sha256Hex(dumpJson(job::toJson(m_spec)));
  // A run that was made from another begins at that one's checkpoint, which names the other's spec.
  const auto derived = readJsonFile(m_reporter.folder() / "derived.json");
  const bool isInherited = derived.ok() && derived->value("step", std::int64_t{-1}) == checkpoint->step && derived->value("spec", std::string()) == s.value("spec", "");
  if (s.value("spec", "") != specHash && !isInherited)
    return Error{"engine.checkpoint.foreign", "The checkpoint is of another run", "checkpoints/" + std::to_string(checkpoint->step), "the run's spec has changed since", "start a new run", {}, {}};
  RETORT_CHECK(m_optimiser->restore(checkpoint->masters, checkpoint->optimiser));
  setGeneratorState(checkpoint->rng);
  m_step = m_savedStep = checkpoint->step;
  m_tokens = s.value("tokens", std::int64_t{0});
  m_bestStep = s.value("best_step", std::int64_t{-1});
  m_bestNll = s.value("best_nll", -1.0);
  m_sinceBest = s.value("since_best", std::int64_t{0});
  if (const Json score = s.value("best_score", Json()); !score.is_null()) m_bestScore = numberOf(score, 0);
  if (const Json course = s.value("course", Json()); course.is_array() && course.size() == 4) {
    m_course = numberOf(course[0], -1);
    m_bestCourse = numberOf(course[1], -1);
    m_courseSteps = std::llround(numberOf(course[2], 0));
    m_offCourse = std::llround(numberOf(course[3], 0));
  }
  m_watch.restore(s.value("policy", Json()));
  m_rolloutsFrom = s.value("rollouts_from", std::int64_t{-1});
  m_rateFactor = s.value("rate_factor", 1.0);
  m_secondsBefore = s.value("seconds", 0.0);
  m_microTokens = s.value("micro_tokens", m_microTokens);
  m_measuredStep = s.value("measured_step", std::int64_t{-1});
  if (s.value("threads", m_device.threads) != m_device.threads || s.value("device", m_device.text()) != m_device.text())
    RETORT_CHECK(m_reporter.warning({"engine.resume.differs", "The run goes on with other threads or another device", "checkpoints/" + std::to_string(m_step), "so its numbers will differ in the last digits", {}, {}, {}}));
  if (isInherited && m_step >= m_total)
    return Error{"engine.checkpoint.past", "There is nothing left to train", "checkpoints/" + std::to_string(m_step), "the run has " + std::to_string(m_total) + " steps", "extend it by more", {}, {}};
  return isInherited && m_reporter.attempt() == 1 ? m_reporter.event("progress", {{"stage", "begins at a checkpoint"}, {"step", m_step}, {"parent", m_spec.parent}}) : m_reporter.restartFrom(m_step);
}

Status Trainer::smoke() {
  RETORT_CHECK(m_reporter.phase(job::Phase::preparing, "Trying one step"));
  const at::Tensor rng = generatorState();
  StepSums sums;
  const Part& part = m_stages.front().parts.front();
  const std::vector<std::int64_t> first =
      part.isDpo() ? std::vector<std::int64_t>{part.rows.front()} : rowsOfStep(m_spec.seed, static_cast<std::int64_t>(m_rows.size()), m_batchRows, 0);
  std::vector<std::int64_t> trial;
  while (true) {
    trial = groupByTokens(m_rows, first, m_microTokens, part.isDpo()).front();
    // The student has given no answers yet: the dataset's own stand for them.
    const Status status = part.isDpo() ? passPairs(part, trial, 1, sums) : passRows(part, m_rows, trial, 1, sums);
    if (status.ok()) break;
    m_optimiser->discard();
    sums = {};
    std::int64_t tokens = 0;
    for (const std::int64_t r : trial) tokens += tokensOf(m_rows[static_cast<std::size_t>(r)], part.isDpo());
    RETORT_CHECK(smallerPasses(status.error(), "the trial step", tokens, tokensOf(m_rows[static_cast<std::size_t>(trial.front())], part.isDpo())));
  }
  const auto missing = m_optimiser->withoutGradient();
  if (!missing.empty())
    return Error{"engine.smoke.gradient", "The trial step failed", missing.front(), std::to_string(missing.size()) + " weights got no gradient", "report this with the run's spec", {}, {}};
  // Rate 0 moves no weight, and the moments are cleared: the state before the first step is restored exactly.
  const auto result = m_optimiser->step(0, std::max(sums.weight, 1.0));
  m_optimiser->reset();
  if (!result.applied || !std::isfinite(sums.loss))
    return Error{"engine.smoke.finite", "The trial step failed", "row " + shown(m_rows[static_cast<std::size_t>(trial.front())].id), "loss or gradients are not finite",
                 "check the student model, or train in f32", {}, {}};
  RETORT_CHECK(smokeFile(makeMicroBatch(m_rows, {trial.front()}, m_device.device)));
  setGeneratorState(rng);
  return {};
}

Status Trainer::smokeFile(const MicroBatch& batch) {
  const fs::path folder = m_reporter.folder() / "smoke";
  const Decoder saved = mergedCopy(m_student, at::kBFloat16);
  RETORT_CHECK(writeStudent(folder, m_student.config, unfused(saved, at::kBFloat16), *m_source, m_text.stopIds));
  RETORT_TRY(const auto source, models::openModel(folder));
  RETORT_TRY(const Decoder loaded, loadDecoder(*source, at::kBFloat16, m_device.device));
  double worst = 0, scale = 0;
  RETORT_CHECK(guarded("The trial reload", [&]() -> Status {
    const c10::NoGradGuard off;
    const at::Tensor before = forwardHidden(saved, batch.ids).to(at::kFloat), after = forwardHidden(loaded, batch.ids).to(at::kFloat);
    worst = (before - after).abs().max().item<double>();
    scale = before.abs().max().item<double>();
    return {};
  }));
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (worst <= 0.01 * scale) return {};      // the weights are the same bits; only the order of sums may differ
  return Error{"engine.smoke.reload", "The saved student does not compute what the student in memory does", folder.string(),
               "hidden states differ by up to " + formatNumber(worst, 6), "report this with the run's spec", {}, {}};
}

}  // namespace retort::engine

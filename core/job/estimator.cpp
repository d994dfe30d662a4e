// What a run will need.
#include "job/estimator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace retort::job {
namespace {

struct Sizes {
  double h, q, k, i, l, v;
};

Sizes sizesOf(const models::DecoderConfig& c) {
  return {static_cast<double>(c.hidden), static_cast<double>(c.heads * c.headDim), static_cast<double>(c.kvHeads * c.headDim), static_cast<double>(c.ffn),
          static_cast<double>(c.layers), static_cast<double>(c.vocab)};
}

std::uint64_t bytesOf(double value) { return value > 0 ? static_cast<std::uint64_t>(std::llround(value)) : 0; }

/// What autograd keeps of one layer for `tokens` tokens, in values of the compute type: two norms' inputs, q k v, attention's
/// output (and its row statistics), gate and up with their product, and what the residual sums need.
double activationsOfLayer(const Sizes& s, double tokens) { return tokens * (4 * s.h + 2 * s.q + 2 * s.k + s.q + 3 * s.i); }

/// Whether rows differ in length so that hardly two batches are alike.
bool isVaried(const std::vector<std::int64_t>& tokens) {
  if (tokens.size() < 2) return false;
  double sum = 0, squares = 0;
  for (const std::int64_t n : tokens) sum += static_cast<double>(n), squares += static_cast<double>(n) * static_cast<double>(n);
  const double mean = sum / static_cast<double>(tokens.size());
  return std::sqrt(std::max(0.0, squares / static_cast<double>(tokens.size()) - mean * mean)) > 0.1 * mean;
}

std::int64_t stepsOf(const RunSpec& spec, std::int64_t rows) {
  const auto batch = static_cast<double>(std::max<std::int64_t>(1, std::min<std::int64_t>(spec.train.batchRows, rows)));
  std::int64_t steps = 0;
  for (const auto& m : spec.methods)
    if (!m.together) steps += m.steps > 0 ? m.steps : std::max<std::int64_t>(1, std::llround(std::ceil(m.epochs * static_cast<double>(rows) / batch - 1e-9)));
  return steps;
}

}  // namespace

std::int64_t loraParameters(const models::DecoderConfig& c, int rank) {
  const std::int64_t q = c.heads * c.headDim, k = c.kvHeads * c.headDim;
  const std::int64_t attention = (c.hidden + q) + 2 * (c.hidden + k) + (q + c.hidden), feedForward = 3 * (c.hidden + c.ffn);
  return rank * c.layers * (attention + feedForward);
}

double trainingFlops(const models::DecoderConfig& c, double meanLength, bool lora, bool checkpointing) {
  const Sizes s = sizesOf(c);
  const double forward = 2 * static_cast<double>(c.parameters()) + 2 * s.l * meanLength * s.q;
  return forward * ((lora ? 2.0 : 3.0) + (checkpointing ? 1.0 : 0.0));
}

Estimate estimateRun(const EstimateInput& in) {
  const RunSpec& spec = in.spec;
  const models::DecoderConfig student = spec.student.layers.empty() ? in.student : in.student.withLayers(spec.student.layers);
  const Sizes s = sizesOf(student);
  const bool isLora = spec.student.tuning != "full", isF32 = spec.train.precision == "f32", isQlora = spec.student.tuning == "qlora";
  const auto uses = [&](std::string_view kind) { return std::any_of(spec.methods.begin(), spec.methods.end(), [&](const MethodSpec& m) { return m.kind == kind; }); };
  const bool isOnPolicy = uses("on-policy-kd"), isDpo = uses("dpo"), usesKd = uses("logit-kd") || isOnPolicy;
  const double size = isF32 ? 4 : 2;
  Estimate e;
  e.parameters = student.parameters();
  const std::int64_t head = student.vocab * student.hidden * (student.tiedEmbeddings ? 1 : 2);
  e.trainable = isLora ? loraParameters(student, spec.student.lora.rank) : e.parameters - (spec.student.freezeEmbeddings ? head : 0);
  const auto trainable = static_cast<double>(e.trainable);

  // The largest pass: as many whole rows as fit micro_tokens, or the longest alone.
  std::int64_t longest = 0, sum = 0;
  for (const std::int64_t n : in.rowTokens) longest = std::max(longest, n), sum += n;
  const auto rows = static_cast<std::int64_t>(in.rowTokens.size());
  const double mean = rows > 0 ? static_cast<double>(sum) / static_cast<double>(rows) : 0;
  const double batch = static_cast<double>(std::min<std::int64_t>(spec.train.batchRows, rows));
  // A pair is two rows as long as its first; an answer of the student's own mostly ends before its limit.
  double scale = isDpo ? 2 : 1, answers = 1;
  for (const auto& m : spec.methods) {
    if (m.kind != "on-policy-kd" || mean <= 0) continue;
    answers = m.onPolicy.rollouts;
    scale = std::max(scale, answers * ((1 - in.supervisedShare) * mean + 0.75 * m.onPolicy.maxTokens) / mean);
  }
  const double stepTokens = mean * batch;
  const double pass = std::max(static_cast<double>(longest) * (isDpo ? 2 : 1), std::min(static_cast<double>(spec.train.microTokens), stepTokens * scale * (isVaried(in.rowTokens) ? 1.1 : 1)));

  const double adapters = isLora ? trainable * 4 : 0, layerMatrices = static_cast<double>(e.parameters - head);
  // Codes of 4 bits and two f32 numbers for 32; and, once, holes where the dense layers stood when they were read.
  e.memory.weights = bytesOf((isQlora ? layerMatrices * (0.75 + 0.75 * size / 2) + static_cast<double>(head) * size : static_cast<double>(e.parameters) * size) + adapters);
  // Sums are f32 when a step has several passes; a single pass keeps the compute type, and f32 copies of 16 M values at a time.
  const bool isSinglePass = stepTokens * scale <= static_cast<double>(spec.train.microTokens) && spec.methods.size() == 1;
  e.memory.gradients = bytesOf(trainable * (isLora || isF32 ? 4 : isSinglePass ? size : 4 + size) + (isSinglePass && !isF32 && !isLora ? std::min(trainable, 16.8e6 + s.v * s.h) * 4 : 0));
  e.memory.optimiser = bytesOf(trainable * (isLora || isF32 ? 8 : 12));
  const double layer = activationsOfLayer(s, pass) * size + (isLora ? pass * 14 * spec.student.lora.rank * size : 0);
  e.memory.activations = bytesOf(spec.train.activationCheckpointing ? s.l * pass * s.h * size + layer : s.l * layer);
  const double headRows = std::min(pass * in.supervisedShare, in.isCuda ? (1u << 30) / (24 * s.v) : static_cast<double>(128 << 20) / (size * s.v));
  const bool trainsHead = !isLora && !spec.student.freezeEmbeddings;
  e.memory.headChunk = bytesOf(headRows * s.v * (size * (usesKd ? 2 : 1) + (in.isCuda ? 16 : 0)) + (in.isCuda ? 0 : 24.0 * (1 << 20)) + (trainsHead ? s.v * s.h * size : 0)
                              + (isDpo ? headRows * s.v * size : 0));   // the answers' own pass
  // Activations are given back as gradients come, where no sum of earlier passes is kept.
  if (isSinglePass) e.memory.reused = std::min(e.memory.gradients, e.memory.activations + e.memory.headChunk);
  for (const auto& m : spec.methods) {
    if ((m.kind != "logit-kd" && m.kind != "on-policy-kd") || !in.teacher) continue;
    const Sizes t = sizesOf(*in.teacher);
    // A cached teacher is gone before the student comes; its peak counts only where it is the greater one, which it is not for
    // a student that trains in full; holes stay. A live one stays whole, and so does each of several.
    const double teachers = static_cast<double>(std::max<std::size_t>(1, spec.teachers.size()));
    if (m.loss.source == "cached") e.memory.teacher = std::max(e.memory.teacher, bytesOf(0.4 * static_cast<double>(in.teacher->parameters()) * size));
    if (m.loss.source == "live") e.memory.teacher = bytesOf(teachers * static_cast<double>(in.teacher->parameters()) * size + pass * (2 * t.h + 3 * t.i + 2 * t.q) * size);
    const double perPosition = m.loss.cache == "top-k" ? m.loss.topK * (t.v <= 65536 ? 4.0 : 6.0) : 2 + std::min(m.loss.topK, 12) * (t.v <= 65536 ? 3.0 : 5.0);
    if (m.loss.source == "cached") e.logitBytes = std::max(e.logitBytes, bytesOf(perPosition * static_cast<double>(sum) * in.supervisedShare));
  }
  e.memory.cache = bytesOf(static_cast<double>(sum) * 5);   // ids and marks of the encoded rows
  if (isOnPolicy) e.memory.cache += bytesOf(answers * batch * scale * mean * 4 * s.l * s.k * size / 2);   // keys and values while it answers
  // Libraries and compiled kernels, and what the allocator keeps about it (CPU: measured, tests/bench/RESULTS.md). Batches of changing
  // sizes leave holes and compiled products that 90 steps were seen to fill.
  const auto others = static_cast<double>(e.memory.total());
  const auto working = static_cast<double>(e.memory.activations + e.memory.headChunk);
  e.memory.runtime = in.isCuda ? bytesOf(900e6 + 0.08 * others) : bytesOf(420e6 + 0.15 * working + (isVaried(in.rowTokens) ? 200e6 + 0.15 * working : 0));

  e.checkpointBytes = bytesOf(trainable * 12);
  e.studentBytes = bytesOf(static_cast<double>(e.parameters) * 2);
  e.diskBytes = e.checkpointBytes * static_cast<std::uint64_t>(spec.train.keepLast + 1 + (spec.eval.keepBest ? 1 : 0)) + 2 * e.studentBytes + e.logitBytes + (isLora ? bytesOf(trainable * 4) : 0);

  e.steps = stepsOf(spec, rows);
  e.tokens = static_cast<std::int64_t>(static_cast<double>(e.steps) * stepTokens);
  e.flopsPerToken = trainingFlops(student, mean, isLora, spec.train.activationCheckpointing);
  double teacherFlops = 0;
  if (usesKd && in.teacher) {
    const double forward = trainingFlops(*in.teacher, mean, false, false) / 3;
    bool isLive = false;
    for (const auto& m : spec.methods) isLive = isLive || m.kind == "on-policy-kd" || (m.kind == "logit-kd" && m.loss.source == "live");
    teacherFlops = forward * (isLive ? static_cast<double>(e.tokens) : static_cast<double>(sum));
  }
  const double work = e.flopsPerToken * static_cast<double>(e.tokens) + teacherFlops;
  if (in.tokensPerSecond > 0) e.seconds = work / (e.flopsPerToken * in.tokensPerSecond);
  else if (in.flops > 0) e.seconds = work / in.flops;
  if (e.seconds >= 0) {
    const double spread = in.tokensPerSecond > 0 ? 0.15 : 0.5;
    e.secondsLow = e.seconds * (1 - spread);
    e.secondsHigh = e.seconds * (1 + spread) + 30;           // loading, measuring, saving
  }
  return e;
}

Json toJson(const Estimate& e) {
  const auto& m = e.memory;
  return {{"memory", {{"weights", m.weights}, {"gradients", m.gradients}, {"optimiser", m.optimiser}, {"activations", m.activations}, {"head_chunk", m.headChunk},
                      {"teacher", m.teacher}, {"cache", m.cache}, {"runtime", m.runtime}, {"reused", m.reused}, {"total", m.total()}}},
          {"disk", {{"checkpoint", e.checkpointBytes}, {"student", e.studentBytes}, {"logits", e.logitBytes}, {"total", e.diskBytes}}},
          {"parameters", e.parameters}, {"trainable", e.trainable}, {"steps", e.steps}, {"tokens", e.tokens}, {"flops_per_token", e.flopsPerToken},
          {"seconds", {{"low", e.secondsLow}, {"expected", e.seconds}, {"high", e.secondsHigh}}}};
}

}  // namespace retort::job

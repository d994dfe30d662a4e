// The estimator's formulas with this machine's facts: model headers, row lengths, free memory and disk, measured speed.
#include "run/estimate.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/format.h"
#include "base/paths.h"
#include "base/subprocess.h"
#include "job/estimator.h"
#include "job/job_folder.h"
#include "job/row.h"
#include "job/worker.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::run {
namespace {

/// MemAvailable of /proc/meminfo, in bytes; 0 where it cannot be read.
std::uint64_t memoryAvailable() {
  std::ifstream in("/proc/meminfo");
  for (std::string word; in >> word;) {
    std::uint64_t kib = 0;
    if (word == "MemAvailable:" && in >> kib) return kib * 1024;
  }
  return 0;
}

/// Tokens of the training rows; at most `kSample` rows are tokenised, the others get those lengths in turn.
Result<std::vector<std::int64_t>> rowTokens(const job::RunSpec& spec, const models::TextParts& parts) {
  constexpr std::size_t kSample = 400;
  RETORT_TRY(auto rows, job::readAllRows(fs::path(spec.data.path) / spec.data.train));
  if (spec.data.subset < 1) rows.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(spec.data.subset * static_cast<double>(rows.size())))));
  std::vector<std::int64_t> tokens;
  for (const auto& row : rows) {
    if (tokens.size() >= std::min(kSample, rows.size())) break;
    if (!parts.chat) {
      tokens.push_back(64);
      continue;
    }
    RETORT_TRY(const auto chat, text::encodeTraining(*parts.chat, *parts.tokenizer, parts.tokens, row.messages, row.tools,
                                                     row.target.is_object() ? row.target : Json{{"role", "assistant"}, {"content", ""}}));
    tokens.push_back(std::min<std::int64_t>(static_cast<std::int64_t>(chat.ids.size()), spec.data.maxTokens));
  }
  const std::size_t sampled = tokens.size();
  for (std::size_t i = sampled; i < rows.size(); ++i) tokens.push_back(tokens[i % sampled]);
  return tokens;
}

/// The nearest change that makes the run fit, tried in order of what costs least.
std::string nearestFit(job::EstimateInput input, std::uint64_t available) {
  const auto fits = [&] { return job::estimateRun(input).memory.total() <= available; };
  while (input.spec.train.microTokens > 256) {
    input.spec.train.microTokens /= 2;
    if (fits()) return "Set train.micro_tokens to " + std::to_string(input.spec.train.microTokens) + ".";
  }
  input.spec.train.activationCheckpointing = true;
  if (fits()) return "Set train.activation_checkpointing to true and train.micro_tokens to 256.";
  input.spec.student.tuning = "lora";
  if (fits()) return "Set student.tuning to lora, with train.activation_checkpointing and train.micro_tokens 256.";
  return "No setting of this student fits: choose a smaller one.";
}

/// Fewer checkpoints kept where that is enough, else the space that is missing.
std::string nearestDiskFit(job::EstimateInput input, std::uint64_t needed, std::uint64_t available) {
  const std::string space = "free " + formatBytes(needed - available) + " there";
  for (int& kept = input.spec.train.keepLast; kept > 1;) {
    kept = std::min(kept - 1, kept * 3 / 4);
    if (job::estimateRun(input).diskBytes <= available) return "Set train.keep_last to " + std::to_string(kept) + ", or " + space + ".";
  }
  return "Even with train.keep_last 1 it does not fit: " + space + ".";
}

}  // namespace

double measuredFlops() {
  const fs::path file = userDataFolder() / "device.json";
  auto known = readJsonFile(file);
  if (!known.ok() || known->value("host", std::string()) != hostName()) {
    const auto command = job::workerCommand({"bench", "--layers", "4"});
    if (!command.ok()) return 0;
    const auto bench = runCommand(*command);
    if (!bench.ok() || bench->exitCode != 0) return 0;
    known = parseJson(bench->out, "bench");
    if (!known.ok()) return 0;
    (*known)["host"] = hostName();
    if (makeFolders(file.parent_path()).ok()) (void)writeJsonFile(file, *known);
  }
  if (!known->contains("products")) return 0;
  // Whole training steps reach about half of a large product's rate on small models (measured; see tests/bench/RESULTS.md).
  return numberOf((*known)["products"].value("bf16", Json(0)), 0) * 1e9 * 0.5;
}

Result<Forecast> estimate(const job::RunSpec& spec) {
  RETORT_TRY(const auto student, models::openModel(spec.student.model.path));
  RETORT_TRY(const auto parts, models::textParts(*student));
  job::EstimateInput input;
  input.spec = spec;
  input.student = student->config();
  if (!spec.teachers.empty()) {
    RETORT_TRY(const auto teacher, models::openModel(spec.teachers.front().model.path));
    input.teacher = teacher->config();
  }
  RETORT_TRY(input.rowTokens, rowTokens(spec, parts));
  input.flops = measuredFlops();
  const auto e = job::estimateRun(input);
  Forecast f;
  f.memory = {{"weights", e.memory.weights}, {"gradients", e.memory.gradients}, {"optimiser", e.memory.optimiser}, {"activations", e.memory.activations},
              {"output head", e.memory.headChunk}, {"teacher", e.memory.teacher}, {"cache", e.memory.cache}, {"libraries", e.memory.runtime}};
  f.memoryTotal = e.memory.total();
  f.memoryReused = e.memory.reused;
  f.memoryFree = memoryAvailable();
  f.disk = e.diskBytes;
  RETORT_TRY(f.diskFree, freeSpace(spec.data.path));
  f.secondsLow = e.secondsLow;
  f.secondsHigh = e.secondsHigh;
  f.parameters = e.parameters;
  f.trainable = e.trainable;
  f.rows = static_cast<std::int64_t>(input.rowTokens.size());
  f.steps = e.steps;
  f.tokensPerStep = e.steps > 0 ? e.tokens / e.steps : 0;
  if (f.memoryFree > 0 && f.memoryTotal > f.memoryFree)
    f.blocker = Error{"run.estimate.memory", "The run does not fit into memory", {}, "it needs " + formatBytes(f.memoryTotal) + " and " + formatBytes(f.memoryFree) + " are free",
                      nearestFit(input, f.memoryFree), {}, {}};
  else if (f.disk > f.diskFree)
    f.blocker = Error{"run.estimate.disk", "The run does not fit on the disk", spec.data.path, "it needs " + formatBytes(f.disk) + " and " + formatBytes(f.diskFree) + " are free",
                      nearestDiskFit(input, f.disk, f.diskFree), {}, {}};
  return f;
}

std::vector<std::string> Forecast::lines() const {
  std::vector<std::string> out;
  out.push_back("Parameters: " + formatCount(parameters) + ", of which trained: " + formatCount(trainable));
  out.push_back("Rows: " + formatCount(rows) + ", steps: " + formatCount(steps) + ", about " + formatCount(tokensPerStep) + " tokens a step");
  std::string parts;
  for (const auto& [name, bytes] : memory)
    if (bytes > 0) parts += (parts.empty() ? "" : ", ") + name + " " + formatBytes(bytes);
  if (memoryReused > 0) parts += "; " + formatBytes(memoryReused) + " of it serve twice";
  out.push_back("Memory: " + formatBytes(memoryTotal) + " (" + parts + "); free: " + formatBytes(memoryFree));
  out.push_back("Disk: " + formatBytes(disk) + "; free: " + formatBytes(diskFree));
  out.push_back(secondsHigh > 0 ? "Time: " + formatDuration(secondsLow) + " to " + formatDuration(secondsHigh) : "Time: unknown until the first steps are measured");
  return out;
}

Json toJson(const Forecast& f) {
  Json memory = Json::object();
  for (const auto& [name, bytes] : f.memory) memory[name] = bytes;
  return {{"parameters", f.parameters}, {"trainable", f.trainable}, {"rows", f.rows}, {"steps", f.steps}, {"tokens_per_step", f.tokensPerStep},
          {"memory", memory}, {"memory_total", f.memoryTotal}, {"memory_free", f.memoryFree}, {"disk", f.disk}, {"disk_free", f.diskFree},
          {"seconds", {f.secondsLow, f.secondsHigh}}, {"fits", !f.blocker}, {"blocker", f.blocker ? job::toJson(*f.blocker) : Json(nullptr)}};
}

}  // namespace retort::run
